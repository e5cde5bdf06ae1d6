// Inner loops over whole arrays: comparisons, selection, sums along the way, sorting, and what
// numbers are checked for. Serial: callers cut the work.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
  hr_equal,
  hr_unequal,
  hr_less,
  hr_less_or_equal,
  hr_both,    // neither is zero
  hr_either,  // one is not zero
} hr_comparison;

#define HR_DECLARE_COMPARISON(T, S)                                                               \
  /* out[r, i] = does a[r a_row + i a_step] compare to b[r b_row + i b_step]; a step is 0 or 1 */ \
  void hr_compare_##S(hr_comparison comparison, bool *out, const T *a, ptrdiff_t a_row,           \
                      size_t a_step, const T *b, ptrdiff_t b_row, size_t b_step, size_t rows,     \
                      size_t n);

HR_DECLARE_COMPARISON(bool, bool)
HR_DECLARE_COMPARISON(uint8_t, u8)
HR_DECLARE_COMPARISON(int32_t, i32)
HR_DECLARE_COMPARISON(uint32_t, u32)
HR_DECLARE_COMPARISON(int64_t, i64)
HR_DECLARE_COMPARISON(float, f32)
HR_DECLARE_COMPARISON(double, f64)
#undef HR_DECLARE_COMPARISON

#define HR_DECLARE_ARRAYS(T, S)                                                                   \
  /* out[i] = mask[i] ? a[i a_step] : b[i b_step]; a step is 0 or 1 */                            \
  void hr_select_##S(T *out, const bool *mask, const T *a, size_t a_step, const T *b,             \
                     size_t b_step, size_t n);                                                    \
  /* y[r] = log(sum over c of exp(x[r, c])); -infinity without any. */                            \
  void hr_log_sum_exp_##S(T *y, const T *x, size_t rows, size_t columns);                         \
  /* dx[r, c] = dy[r] exp(x[r, c] - y[r]) */                                                      \
  void hr_log_sum_exp_backward_##S(T *dx, const T *dy, const T *x, const T *y, size_t rows,       \
                                   size_t columns);                                               \
  /* y[r] = the product of row r; 1 without any. */                                               \
  void hr_product_##S(T *y, const T *x, size_t rows, size_t columns);                             \
  /* dx[r, c] = dy[r] times the product of the others of row r */                                 \
  void hr_product_backward_##S(T *dx, const T *dy, const T *x, size_t rows, size_t columns);      \
  /* Rows that are sums of all rows up to them, or from them on when `is_backward`. */            \
  void hr_cumulative_sum_##S(T *y, const T *x, size_t rows, size_t columns, bool is_backward);    \
  /* order[r] = the columns of row r by rising, or falling, numbers; equal ones in their order. NaN \
     is larger than all. `scratch` has room for `columns`. */                                     \
  void hr_sort_rows_##S(int32_t *order, int32_t *scratch, const T *x, size_t rows,                \
                        size_t columns, bool is_falling);                                         \
  /* out[i] = mean + deviation z, z normal: by Box and Muller of the uniform numbers 2 (first + i) \
     and 2 (first + i) + 1 of the stream */                                                       \
  void hr_normal_##S(T *out, T mean, T deviation, uint64_t key, uint64_t first, size_t n);        \
  /* The first place of an infinity or a NaN, or n. */                                            \
  size_t hr_first_not_finite_##S(const T *x, size_t n);

HR_DECLARE_ARRAYS(float, f32)
HR_DECLARE_ARRAYS(double, f64)
#undef HR_DECLARE_ARRAYS

/// out[i] = whether the top 53 bits of number first + i of the stream, as a fraction, are below
/// `probability`.
void hr_bernoulli(bool *out, double probability, uint64_t key, uint64_t first, size_t n);

/// Numbers at rest: halves of IEEE and the upper halves of float32, to the nearest, of two equally
/// near ones to the one whose last bit is 0; NaN stays NaN, what is too large is infinite.
void hr_from_half(float *out, const uint16_t *x, size_t n);
void hr_to_half(uint16_t *out, const float *x, size_t n);
void hr_from_bfloat(float *out, const uint16_t *x, size_t n);
void hr_to_bfloat(uint16_t *out, const float *x, size_t n);
