// Inner loops over the rows of a graph in compressed form, for float (`_f32`) and double (`_f64`).
//
// All are serial over the rows `begin..<end` that they are given, so that threads split rows; each
// row is summed in the order of its edges. Rows to come are prefetched some edges ahead.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Whether `offsets[0...rows]` do not fall and begin with 0, and every source is below `bound`.
/// `sources` holds `offsets[rows]` of them.
bool hr_rows_are_valid(const uint32_t *offsets, const uint32_t *sources, size_t rows,
                       uint32_t bound);
/// Whether each of `rows` is below `bound`.
bool hr_indices_are_valid(const uint32_t *rows, size_t count, uint32_t bound);

#define HR_DECLARE_GRAPH(T, S)                                                                    \
  /* out[i] = table[rows[i]], rows of `width` elements */                                         \
  void hr_gather_rows_##S(T *out, const T *table, const uint32_t *rows, size_t count,             \
                          size_t width);                                                          \
  /* out[rows[i]] += values[i] in rising order of i, where rows[i] is in begin..<end */           \
  void hr_scatter_rows_##S(T *out, const T *values, const uint32_t *rows, size_t count,           \
                           size_t width, size_t begin, size_t end);                               \
  /* out[t] = mean of x[s] over the sources s of t; 0 without any. */                             \
  void hr_segment_mean_##S(T *out, const T *x, const uint32_t *offsets, const uint32_t *sources,  \
                           size_t begin, size_t end, size_t width);                               \
  /* dx[s] = sum of dy[t] / degree(t) over the targets t of s, which the transposed rows list.    \
     degree(t) = offsets[t + 1] - offsets[t]. */                                                  \
  void hr_segment_mean_backward_##S(T *dx, const T *dy, const uint32_t *transposed_offsets,       \
                                    const uint32_t *targets, const uint32_t *offsets,             \
                                    size_t begin, size_t end, size_t width);

HR_DECLARE_GRAPH(float, f32)
HR_DECLARE_GRAPH(double, f64)
#undef HR_DECLARE_GRAPH
