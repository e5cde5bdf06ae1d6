// Rows of feature matrices to float32.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef enum {
  hr_float32,
  hr_float16,
  hr_uint8,
  hr_int8,
  hr_float64,
  hr_int16,
  hr_int32,
  hr_int64,
  hr_bfloat16,  // the upper half of a float32
} hr_element;

/// One node range of a matrix: `row_count` rows, `stride` bytes apart; `validity` has one bit a row,
/// or is null when all rows are there. A range without rows has null `rows`.
typedef struct {
  const void *rows;
  const uint64_t *validity;
  size_t row_count;
} hr_matrix_range;

/// Writes `width` elements of each of the `count` rows as float32, one row after the other. A null
/// row is zeros. int8 elements are multiplied by `scale`, which others do not look at. A range holds
/// 2^shift rows. Returns -1, or the place in `nodes` of the first that
/// has no row.
ptrdiff_t hr_gather_rows(const hr_matrix_range *ranges, size_t range_count, unsigned shift,
                         size_t stride, hr_element element, float scale, size_t width,
                         const uint32_t *nodes, size_t count, float *out);

/// One IEEE half as float.
float hr_half_to_float(uint16_t half);
