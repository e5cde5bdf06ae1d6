// Matrix products of bfloat16 numbers with sums in float32, by the instruction vdpbf16ps.
//
// The right factor is packed once, in panels of 48 columns; then products with rows of the left
// one are made, which are packed on the way, a block at a time. Callers cut both into parts. An
// element of the result is summed in one order, whatever the parts are: k in blocks whose size
// depends on k alone, each block from zero, then added to the result in rising order.
//
// Numbers that are float32 are rounded to bfloat16 when they are packed, to the nearest, of two
// equally near ones to the one whose last bit is 0. As the instruction has it, numbers below the
// least normal one (2^-126) count as 0, among factors and sums. NaN and infinity are as in float32.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// A matrix whose element (r, c) is at base[r row_step + c column_step], in elements; one of the steps
/// is 1.
typedef struct {
  const void *base;
  size_t row_step, column_step;
  bool is_bfloat16;  // otherwise float32
} hr_factor;

/// Whether this processor has the instruction; without it the functions below must not be called.
bool hr_gemm_bf16_is_supported(void);

/// Panels of a right factor with n columns.
size_t hr_gemm_bf16_panels(size_t n);
/// Numbers that a packed right factor of k rows and n columns has.
size_t hr_gemm_bf16_packed_count(size_t k, size_t n);
/// Numbers that `hr_gemm_bf16` needs beside, for m rows and k columns; bounded.
size_t hr_gemm_bf16_scratch_count(size_t m, size_t k);

/// Packs panels [first, end) of b, which is [k, n]; `packed` is aligned to 64 bytes.
void hr_gemm_bf16_pack(uint16_t *packed, hr_factor b, size_t k, size_t n, size_t first, size_t end);

/// c = a b, or c += a b when `is_added`, in the columns of panels [first, end) of b; a is [m, k], c
/// has `c_step` numbers from row to row. `scratch` is aligned to 64 bytes.
void hr_gemm_bf16(float *c, size_t c_step, hr_factor a, const uint16_t *packed, size_t m, size_t n,
                  size_t k, size_t first, size_t end, bool is_added, uint16_t *scratch);
