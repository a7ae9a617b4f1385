"""A throwaway container over a root file system that is there already: `pyoci try`.

plan      what is asked for, the config that it becomes, addresses, resolv.conf, what changed (pure)
folder    the folder of one call, kept while its process lives; what a killed call left is removed by the next
layers    overlay mounts, in a mount namespace of the caller's own, which takes them away when it ends
user      an ordinary user becomes root of a user namespace first
network   a veth pair, addresses, NAT in one nftables table of its own name
changes   reads what the container changed out of the upper layer
session   the order of all that
"""
