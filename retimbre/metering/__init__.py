"""How loud sound is, and how high its peaks are, by ITU-R BS.1770-4.

Conventions: `y` is mono of shape (n,), full scale is 1; loudness is in LUFS, which the standard
calls LKFS. Everything goes through `y` in blocks, so that an hour of it is not copied.
"""
