"""The network as calls and downloads meet it: which proxy, how a connection is made, what goes wrong in it."""
