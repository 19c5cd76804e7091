"""Quality of a call: samples, MOS, warnings, the actor that computes them."""
