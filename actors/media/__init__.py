"""The media path: SDP, ICE, DTLS-SRTP, RTP, codecs, and the engine that joins them on UDP sockets."""
