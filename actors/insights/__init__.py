"""Quality of a call: samples, MOS, the actor that computes them."""
