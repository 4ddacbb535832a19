#pragma once
// LIMN_MULTIVERSION: the function is compiled for AVX-512, AVX2 with FMA and the baseline, and the machine chooses
// by what it can do, not by whose it is (a processor's name in place of a level would be asked for literally).
// Under sanitizers, whose run time is not ready when that choice is made, there is one version.

#if defined(__x86_64__) && defined(__GNUC__) && __GNUC__ >= 12 && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define LIMN_MULTIVERSION __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define LIMN_MULTIVERSION
#endif
