// What the processor has of that which kernels here are written for.
#pragma once
#include <stdbool.h>

typedef struct {
  bool has_avx2, has_avx512, has_avx512_bf16;
  /// What kernels are compiled for that run here: `x86-64-v4`, `x86-64-v3`, or `default`.
  const char *kernels;
} hr_processor;

hr_processor hr_this_processor(void);
