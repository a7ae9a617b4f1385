"""The effects of a bundle, told from its plan without doing it: `pyoci explain`.

    model     plain data: steps, findings, the explanation of both
    steps     the plan as steps, in the order in which `create` and `start` carry them out
    calls     what a seccomp filter denies, in groups of system calls that a person knows
    findings  what is unsafe or surprising: rules that yield data, and a table of levels and words
    words     the explanation as text and as JSON

All of it is pure: the same plan gives the same words on any machine, without root.
"""
