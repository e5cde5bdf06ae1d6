#include "processor.h"
#include "dispatch.h"
#include "gemm.h"

hr_processor hr_this_processor(void) {
  hr_processor processor = {.kernels = "default"};
#if defined(__x86_64__)
  __builtin_cpu_init();
  processor.has_avx2 = __builtin_cpu_supports("avx2");
  processor.has_avx512 = __builtin_cpu_supports("avx512f");
  processor.has_avx512_bf16 = __builtin_cpu_supports("avx512bf16");
#ifdef HR_HAS_CLONES
  if (__builtin_cpu_supports("x86-64-v4"))
    processor.kernels = "x86-64-v4";
  else if (__builtin_cpu_supports("x86-64-v3"))
    processor.kernels = "x86-64-v3";
#endif
#endif
  return processor;
}
