"""Updates: a journal, the switch of one link, a watch, and the way back. At every moment one version works."""
