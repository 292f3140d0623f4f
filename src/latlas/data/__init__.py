"""Images in: files, archives and arrays become one memory-mapped uint8 array."""
