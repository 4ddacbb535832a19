# Installation: the library, its public headers, the command line, a CMake package.
