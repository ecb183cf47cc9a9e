"""The census: every operation of the NumPy that is installed, found by looking at it.

Standard library and NumPy only. ``functions`` walks NumPy's public names, ``cells`` makes of each
function what can be measured: a dtype or loop, a layout and a size. ``rules`` makes arguments from
the names of parameters, ``exceptions`` has the few calls that no rule makes.
"""
