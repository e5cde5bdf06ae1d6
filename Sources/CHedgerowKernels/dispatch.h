// Functions marked HR_CLONES are compiled for several processors and picked when the program loads:
// before a sanitizer's runtime is there, so not under one. (Clang tells of them by __has_feature.)
#pragma once
#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define HR_SANITIZED
#endif
#elif defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define HR_SANITIZED
#endif

#if defined(__x86_64__) && defined(__linux__) && !defined(HR_SANITIZED)
#define HR_HAS_CLONES
#define HR_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define HR_CLONES
#endif

// What a marked function calls is compiled with it, for its processor.
#define HR_INLINE static inline __attribute__((always_inline))

// In front of a loop whose result may be written over what it is made of, element by element. Without this the
// compiler has it look whether the arrays overlap, and take one element at a time where they do.
#if defined(__clang__)
#define HR_IN_PLACE _Pragma("clang loop vectorize(assume_safety)")
#else
#define HR_IN_PLACE _Pragma("GCC ivdep")
#endif
