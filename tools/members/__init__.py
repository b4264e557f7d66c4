"""`make members`: write every list of members that cannot be found at run time, from the folders of the members.

Only the standard library, so that it runs before anything is installed.
"""
