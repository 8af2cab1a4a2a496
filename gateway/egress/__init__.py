"""Does anything of ours talk to somebody outside? Reads what the kernel says of our processes' sockets; asks nobody."""
