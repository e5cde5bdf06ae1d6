// Inner loops over the rows of a graph in compressed form, for float (`_f32`) and double (`_f64`).
//
// All are serial over the rows `begin..<end` that they are given, so that threads split rows; each
// row is summed in the order of its edges. Rows to come are prefetched some edges ahead. Where
// `sources` is null, entry e's source is row e of x: messages are there one for each entry.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Whether `offsets[0...rows]` begin with 0 and do not fall.
bool hr_offsets_are_valid(const uint32_t *offsets, size_t rows);
/// Whether, beyond that, every source is below `bound`.
/// `sources` holds `offsets[rows]` of them.
bool hr_rows_are_valid(const uint32_t *offsets, const uint32_t *sources, size_t rows,
                       uint32_t bound);
/// Whether each of `rows` is below `bound`.
bool hr_indices_are_valid(const uint32_t *rows, size_t count, uint32_t bound);
/// Whether `rows` rise, and are below `bound`.
bool hr_indices_rise(const uint32_t *rows, size_t count, uint32_t bound);

#define HR_DECLARE_GRAPH(T, S)                                                                    \
  /* out[i] = table[rows[i]], rows of `width` elements */                                         \
  void hr_gather_rows_##S(T *out, const T *table, const uint32_t *rows, size_t count,             \
                          size_t width);                                                          \
  /* out[t] = factors[t] times the sum of x_factors[s] x[s] over the sources s of t; 0 without     \
     any. Where factors are null they are 1. `is_streamed` writes past the caches, for an output  \
     that does not fit into them. */                                                              \
  void hr_segment_sum_##S(T *out, const T *x, const uint32_t *offsets, const uint32_t *sources,   \
                          const T *x_factors, const T *factors, bool is_streamed, size_t begin,   \
                          size_t end, size_t width);                                              \
  /* The same of rows that are not one behind the other: source s is at rows[s], and there are no   \
     x_factors. */                                                                                \
  void hr_segment_sum_of_rows_##S(T *out, const T *const *rows, const uint32_t *offsets,          \
                                  const uint32_t *sources, const T *factors, bool is_streamed,    \
                                  size_t begin, size_t end, size_t width);                        \
  /* out[t, h] = sum over entries e of t of weights[e, h] x[s, h]: rows are `heads` stretches of  \
     width / heads elements, each with a weight of its own. The weight of entry e is at           \
     places[e], or at e when `places` is null. */                                                 \
  void hr_segment_weighted_sum_##S(T *out, const T *x, const uint32_t *offsets,                   \
                                   const uint32_t *sources, const T *weights,                     \
                                   const uint32_t *places, size_t heads, bool is_streamed,        \
                                   size_t begin, size_t end, size_t width);                       \
  /* out[e, h] = the product of x[s, h] and y[t, h], for each entry e of t from s; it goes to      \
     places[e], or to e when `places` is null. */                                                 \
  void hr_segment_dot_##S(T *out, const T *x, const T *y, const uint32_t *offsets,                \
                          const uint32_t *sources, const uint32_t *places, size_t heads,          \
                          size_t begin, size_t end, size_t width);                                \
  /* out[e] = y[t], or y[t] / degree(t), for each entry e of t */                                 \
  void hr_segment_spread_##S(T *out, const T *y, const uint32_t *offsets, bool is_mean,           \
                             size_t begin, size_t end, size_t width);                             \
  /* out[t, c] = the largest x[s, c] (the smallest when `sign` is -1) over the sources s of t;    \
     places[t, c] the first entry that has it. Without any 0 and UINT32_MAX. NaN wins. */         \
  void hr_segment_extreme_##S(T *out, uint32_t *places, const T *x, const uint32_t *offsets,      \
                              const uint32_t *sources, int sign, size_t begin, size_t end,        \
                              size_t width);                                                      \
  /* dx[s, c] = sum of dy[t, c] over the entries of s, in transposed rows, that won in column c;  \
     `entries` has the number of each as the targets' rows count. */                              \
  void hr_segment_extreme_backward_##S(T *dx, const T *dy, const uint32_t *places,                \
                                       const uint32_t *transposed_offsets,                        \
                                       const uint32_t *targets, const uint32_t *entries,          \
                                       size_t begin, size_t end, size_t width);                   \
  /* dx[e, c] = dy[t, c] where entry e of t won in column c, else 0 */                            \
  void hr_segment_extreme_spread_##S(T *dx, const T *dy, const uint32_t *places,                  \
                                     const uint32_t *offsets, size_t begin, size_t end,           \
                                     size_t width);                                               \
  /* y[e, c] = exp(x[e, c] - max) / sum over the entries of e's target */                         \
  void hr_segment_softmax_##S(T *y, const T *x, const uint32_t *offsets, size_t begin,            \
                              size_t end, size_t width);                                          \
  /* dx[e, c] = y[e, c] (dy[e, c] - sum of y dy over the entries of e's target) */                \
  void hr_segment_softmax_backward_##S(T *dx, const T *dy, const T *y, const uint32_t *offsets,   \
                                       size_t begin, size_t end, size_t width);

#define HR_DECLARE_ATTENTION(T, S, ROW)                                                            \
  /* y[t, h] = sum over entries e of t of a[e, h] x[s, h], where a[e, h] is the softmax over the    \
     entries of t of leaky(source_scores[s, h] + target_scores[t, h]). Heads are as many equal     \
     stretches of a row, at most hr_most_heads. Keeps each target's largest score and the sum of   \
     exp(score - largest). */                                                                      \
  void hr_attention_##S(T *y, T *maxima, T *sums, const ROW *x, const T *source_scores,            \
                        const T *target_scores, const uint32_t *offsets, const uint32_t *sources,  \
                        T slope, size_t heads, size_t begin, size_t end, size_t width);            \
  /* The gradient with respect to the target scores, and in `targets`, of 4 heads numbers a row,   \
     what hr_attention_backward_sources needs of them. */                                          \
  void hr_attention_backward_targets_##S(                                                          \
      T *gradient, T *targets, const ROW *x, const T *dy, const T *source_scores,                  \
      const T *target_scores, const T *maxima, const T *sums, const uint32_t *offsets,             \
      const uint32_t *sources, T slope, size_t heads, size_t begin, size_t end, size_t width);     \
  /* Those with respect to x and to the source scores, over transposed rows: row r is source       \
     places[r], or r when `places` is null, and `ends` lists targets. */                           \
  void hr_attention_backward_sources_##S(                                                          \
      T *dx, T *gradient, const T *targets, const ROW *x, const T *dy, const T *source_scores,     \
      const uint32_t *transposed_offsets, const uint32_t *ends, const uint32_t *places, T slope,   \
      size_t heads, size_t begin, size_t end, size_t width);

enum { hr_most_heads = 16 };
HR_DECLARE_ATTENTION(float, f32, float)
HR_DECLARE_ATTENTION(double, f64, double)
HR_DECLARE_ATTENTION(float, bf16, uint16_t)
HR_DECLARE_ATTENTION(float, f16, uint16_t)
#undef HR_DECLARE_ATTENTION
HR_DECLARE_GRAPH(float, f32)
HR_DECLARE_GRAPH(double, f64)
#undef HR_DECLARE_GRAPH

/// The sums, products and extremes of rows of bfloat16 (`_bf16`) and of float16 (`_f16`), in float.
#define HR_DECLARE_HALVES(S)                                                                      \
  void hr_segment_sum_##S(float *out, const uint16_t *x, const uint32_t *offsets,                 \
                          const uint32_t *sources, const float *x_factors, const float *factors,  \
                          bool is_streamed, size_t begin, size_t end, size_t width);              \
  void hr_segment_sum_of_rows_##S(float *out, const uint16_t *const *rows,                        \
                                  const uint32_t *offsets, const uint32_t *sources,               \
                                  const float *factors, bool is_streamed, size_t begin,           \
                                  size_t end, size_t width);                                      \
  void hr_segment_weighted_sum_##S(float *out, const uint16_t *x, const uint32_t *offsets,        \
                                   const uint32_t *sources, const float *weights,                 \
                                   const uint32_t *places, size_t heads, bool is_streamed,        \
                                   size_t begin, size_t end, size_t width);                       \
  void hr_segment_dot_##S(float *out, const uint16_t *x, const float *y, const uint32_t *offsets, \
                          const uint32_t *sources, const uint32_t *places, size_t heads,          \
                          size_t begin, size_t end, size_t width);                                \
  void hr_segment_extreme_##S(float *out, uint32_t *places, const uint16_t *x,                    \
                              const uint32_t *offsets, const uint32_t *sources, int sign,         \
                              size_t begin, size_t end, size_t width);
HR_DECLARE_HALVES(bf16)
HR_DECLARE_HALVES(f16)
#undef HR_DECLARE_HALVES
