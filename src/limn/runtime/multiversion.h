#pragma once
// LIMN_MULTIVERSION: the function is compiled for AVX-512, AVX2 and the baseline, and the machine chooses. Under
// sanitizers, whose run time is not ready when that choice is made, there is one version.

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define LIMN_MULTIVERSION __attribute__((target_clones("arch=skylake-avx512", "arch=haswell", "default")))
#else
#define LIMN_MULTIVERSION
#endif
