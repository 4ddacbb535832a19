#pragma once
// LIMN_API marks what a shared build of limn exports; everything else stays hidden.

#if defined(_WIN32)
#define LIMN_API
#else
#define LIMN_API __attribute__((visibility("default")))
#endif
