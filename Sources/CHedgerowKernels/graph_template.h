// The loops of graph.h for one element type: T, with its suffix in NAME. Rows that are only read are
// of ROW, whose numbers ELEMENT makes those of T: T itself, or halves, of which there are only sums,
// products and extremes.
#ifndef HALVES
#include "dot_template.h"
#else
HR_INLINE T NAME(dot)(const ROW *a, const T *b, size_t n) {
  T sum = 0;
  for (size_t i = 0; i < n; i++) sum += ELEMENT(a[i]) * b[i];
  return sum;
}
#endif

// To the second level: a row is some lines of the first one, which others need.
static inline void NAME(prefetch_row)(const ROW *row, size_t width) {
  const char *line = (const char *)row;
  for (size_t byte = 0; byte < width * sizeof(ROW); byte += 64) __builtin_prefetch(line + byte, 0, 2);
}

#ifndef HALVES
HR_CLONES void NAME(hr_gather_rows)(T *restrict out, const T *restrict table,
                                    const uint32_t *restrict rows, size_t count, size_t width) {
  for (size_t i = 0; i < count; i++, out += width) {
    if (i + AHEAD < count) NAME(prefetch_row)(table + rows[i + AHEAD] * width, width);
    memcpy(out, table + rows[i] * width, width * sizeof(T));
  }
}
#endif

// Rows are summed in stretches of columns that stay in registers while the edges go by: 512 bytes,
// and what is left in fewer. `columns` is a constant where these are inlined.
#define STRETCH (512 / sizeof(T))
#define LANES (sizeof(NAME(lanes)) / sizeof(T))
#define UNROLLED _Pragma("clang loop unroll(full)")

HR_INLINE NAME(lanes) NAME(load)(const T *from) {
  NAME(lanes) value;
  memcpy(&value, from, sizeof value);
  return value;
}

HR_INLINE void NAME(store)(T *to, NAME(lanes) value,
                                                              bool is_streamed) {
  if (is_streamed)
    __builtin_nontemporal_store(value, (NAME(lanes) *)to);
  else
    memcpy(to, &value, sizeof value);
}

// From column c of the row of a source on: of a matrix, or where `rows` says. One of the two is NULL, a
// constant where these are inlined.
HR_INLINE const ROW *NAME(row_of)(const ROW *x, const ROW *const *rows, size_t source, size_t c,
                                  size_t width) {
  return (rows ? rows[source] : x + source * width) + c;
}

// A stretch of whole registers.
HR_INLINE void NAME(sum_columns)(
    T *restrict row, const ROW *restrict x, const ROW *const *restrict rows, size_t c,
    const uint32_t *restrict sources, const T *restrict x_factors, size_t first, size_t stop,
    size_t last, size_t width, T factor, size_t columns, bool is_streamed) {
  NAME(lanes) sums[STRETCH / LANES];
  UNROLLED for (size_t k = 0; k < columns / LANES; k++) sums[k] = (NAME(lanes)){0};
  for (size_t e = first; e < stop; e++) {
    if (e + AHEAD < last) {
      NAME(prefetch_row)(NAME(row_of)(x, rows, SOURCE(e + AHEAD), c, width), columns);
      if (x_factors) __builtin_prefetch(x_factors + SOURCE(e + AHEAD));
    }
    const ROW *a = NAME(row_of)(x, rows, SOURCE(e), c, width);
    if (x_factors) {
      const T w = x_factors[SOURCE(e)];
      UNROLLED for (size_t k = 0; k < columns / LANES; k++) sums[k] += w * NAME(widen)(a + k * LANES);
    } else {
      UNROLLED for (size_t k = 0; k < columns / LANES; k++) sums[k] += NAME(widen)(a + k * LANES);
    }
  }
  UNROLLED for (size_t k = 0; k < columns / LANES; k++)
    NAME(store)(row + c + k * LANES, factor * sums[k], is_streamed);
}

// Less than a register.
HR_INLINE void NAME(sum_rest)(
    T *restrict row, const ROW *restrict x, const ROW *const *restrict rows, size_t c,
    const uint32_t *restrict sources, const T *restrict x_factors, size_t first, size_t stop,
    size_t width, T factor, size_t columns) {
  T sums[LANES] = {0};
  for (size_t e = first; e < stop; e++) {
    const ROW *a = NAME(row_of)(x, rows, SOURCE(e), c, width);
    const T w = x_factors ? x_factors[SOURCE(e)] : 1;
    for (size_t k = 0; k < columns; k++) sums[k] += w * ELEMENT(a[k]);
  }
  for (size_t k = 0; k < columns; k++) row[c + k] = factor * sums[k];
}

// `x_factors` is a constant where there are none.
HR_INLINE void NAME(sum_rows)(
    T *restrict out, const ROW *restrict x, const ROW *const *restrict rows,
    const uint32_t *restrict offsets, const uint32_t *restrict sources,
    const T *restrict x_factors, const T *restrict factors, bool is_streamed, size_t begin,
    size_t end, size_t width) {
  const size_t last = offsets[end];
  for (size_t t = begin; t < end; t++) {
    T *restrict row = out + t * width;
    const size_t first = offsets[t], stop = offsets[t + 1];
    const T factor = factors ? factors[t] : 1;
    size_t c = 0;
#define SUM(columns, streamed)                                                                   \
  NAME(sum_columns)(row, x, rows, c, sources, x_factors, first, stop, last, width, factor,       \
                    columns, streamed)
    while (c < width) {
      const size_t left = width - c;
      if (left >= STRETCH && is_streamed) {
        SUM(STRETCH, true);
        c += STRETCH;
      } else if (left >= STRETCH) {
        SUM(STRETCH, false);
        c += STRETCH;
      } else if (left >= STRETCH / 4) {
        SUM(STRETCH / 4, false);
        c += STRETCH / 4;
      } else if (left >= LANES) {
        SUM(LANES, false);
        c += LANES;
      } else {
        NAME(sum_rest)(row, x, rows, c, sources, x_factors, first, stop, width, factor, left);
        c = width;
      }
    }
#undef SUM
  }
}

HR_CLONES void NAME(hr_segment_sum)(T *restrict out, const ROW *restrict x,
                                    const uint32_t *restrict offsets,
                                    const uint32_t *restrict sources,
                                    const T *restrict x_factors, const T *restrict factors,
                                    bool is_streamed, size_t begin, size_t end, size_t width) {
  if (x_factors)
    NAME(sum_rows)(out, x, NULL, offsets, sources, x_factors, factors, is_streamed, begin, end,
                   width);
  else
    NAME(sum_rows)(out, x, NULL, offsets, sources, NULL, factors, is_streamed, begin, end, width);
}

HR_CLONES void NAME(hr_segment_sum_of_rows)(
    T *restrict out, const ROW *const *restrict rows, const uint32_t *restrict offsets,
    const uint32_t *restrict sources, const T *restrict factors, bool is_streamed, size_t begin,
    size_t end, size_t width) {
  NAME(sum_rows)(out, NULL, rows, offsets, sources, NULL, factors, is_streamed, begin, end, width);
}

// The weights of two heads in the halves of a register.
HR_INLINE NAME(lanes) NAME(halves)(T low, T high) {
  NAME(lanes) value;
  UNROLLED for (size_t k = 0; k < LANES; k++) value[k] = k < LANES / 2 ? low : high;
  return value;
}

// The columns of a stretch belong to `heads_inside` heads, a whole number of registers each, or half of
// one.
HR_INLINE void NAME(weigh_columns)(
    T *restrict row, const ROW *restrict x, const uint32_t *restrict sources,
    const T *restrict weights, const uint32_t *restrict places, size_t stride, size_t first,
    size_t stop, size_t last, size_t width, size_t columns, size_t heads_inside, bool adds,
    bool is_streamed) {
  NAME(lanes) sums[STRETCH / LANES];
  const size_t registers = columns / heads_inside / LANES;
  UNROLLED for (size_t k = 0; k < columns / LANES; k++)
    sums[k] = adds ? NAME(load)(row + k * LANES) : (NAME(lanes)){0};
  for (size_t e = first; e < stop; e++) {
    if (e + AHEAD < last) {
      NAME(prefetch_row)(x + SOURCE(e + AHEAD) * width, columns);
      if (places) __builtin_prefetch(weights + (size_t)places[e + AHEAD] * stride);
    }
    const ROW *a = x + SOURCE(e) * width;
    const T *w = weights + (places ? places[e] : e) * stride;
    UNROLLED for (size_t k = 0; k < columns / LANES; k++)
      sums[k] += registers == 0 ? NAME(halves)(w[2 * k], w[2 * k + 1]) * NAME(widen)(a + k * LANES)
                                : w[k / (registers + !registers)] * NAME(widen)(a + k * LANES);
  }
  UNROLLED for (size_t k = 0; k < columns / LANES; k++)
    NAME(store)(row + k * LANES, sums[k], is_streamed);
}

// Less than a register.
static inline void NAME(weigh_rest)(T *restrict row, const ROW *restrict x,
                                    const uint32_t *restrict sources, const T *restrict weights,
                                    const uint32_t *restrict places, size_t stride, size_t first,
                                    size_t stop, size_t width, size_t columns, bool adds) {
  T sums[LANES] = {0};
  if (adds) memcpy(sums, row, columns * sizeof(T));
  for (size_t e = first; e < stop; e++) {
    const ROW *a = x + SOURCE(e) * width;
    const T w = weights[(places ? places[e] : e) * stride];
    for (size_t c = 0; c < columns; c++) sums[c] += w * ELEMENT(a[c]);
  }
  for (size_t c = 0; c < columns; c++) row[c] = sums[c];
}

// One row of a product with heads' weights, those of an entry `stride` behind those before it. `adds`
// goes on from what the row holds.
HR_INLINE void NAME(weigh_row)(
    T *restrict row, const ROW *restrict x, const uint32_t *restrict sources,
    const T *restrict weights, const uint32_t *restrict places, size_t heads, size_t stride,
    size_t first, size_t stop, size_t last, size_t width, bool adds, bool is_streamed) {
  const size_t inside = width / heads;
#define WEIGH(columns, heads_inside, streamed)                                                   \
  NAME(weigh_columns)(row + c, x + c, sources, weights + h, places, stride, first, stop, last,   \
                      width, columns, heads_inside, adds, streamed)
#define WEIGH_HEADS(columns, heads_inside)                                                       \
  for (; h + heads_inside <= heads; h += heads_inside, c += columns) {                           \
    if (is_streamed)                                                                             \
      WEIGH(columns, heads_inside, true);                                                        \
    else                                                                                         \
      WEIGH(columns, heads_inside, false);                                                       \
  }
  size_t c = 0, h = 0;
  // Narrow heads go several at a time.
  if (inside == STRETCH / 2) {
    WEIGH_HEADS(STRETCH, 2)
  } else if (inside == STRETCH / 4) {
    WEIGH_HEADS(STRETCH, 4)
  } else if (inside == STRETCH / 8) {
    WEIGH_HEADS(STRETCH / 2, 4)
  } else if (inside == STRETCH / 16) {
    WEIGH_HEADS(STRETCH / 2, 8)
  } else if (inside == STRETCH / 32) {
    WEIGH_HEADS(STRETCH / 2, 16)
    WEIGH_HEADS(STRETCH / 8, 4)
    WEIGH_HEADS(STRETCH / 16, 2)
  }
  for (; h < heads; h++) {
    const size_t end_column = (h + 1) * inside;
    while (c < end_column) {
      const size_t left = end_column - c;
      if (left >= STRETCH && is_streamed) {
        WEIGH(STRETCH, 1, true);
        c += STRETCH;
      } else if (left >= STRETCH) {
        WEIGH(STRETCH, 1, false);
        c += STRETCH;
      } else if (left >= STRETCH / 4) {
        WEIGH(STRETCH / 4, 1, false);
        c += STRETCH / 4;
      } else if (left >= LANES) {
        WEIGH(LANES, 1, false);
        c += LANES;
      } else {
        NAME(weigh_rest)(row + c, x + c, sources, weights + h, places, stride, first, stop, width,
                         left, adds);
        c = end_column;
      }
    }
  }
#undef WEIGH_HEADS
#undef WEIGH
}

HR_CLONES void NAME(hr_segment_weighted_sum)(T *restrict out, const ROW *restrict x,
                                             const uint32_t *restrict offsets,
                                             const uint32_t *restrict sources,
                                             const T *restrict weights,
                                             const uint32_t *restrict places, size_t heads,
                                             bool is_streamed, size_t begin, size_t end,
                                             size_t width) {
  for (size_t t = begin; t < end; t++)
    NAME(weigh_row)(out + t * width, x, sources, weights, places, heads, heads, offsets[t],
                    offsets[t + 1], offsets[end], width, false, is_streamed);
}

// The products of two stretches of whole registers, lane by lane.
HR_INLINE NAME(lanes) NAME(lane_products)(const ROW *restrict a, const T *restrict b,
                                          size_t columns) {
  NAME(lanes) sum = {0};
  for (size_t k = 0; k < columns; k += LANES) sum += NAME(widen)(a + k) * NAME(load)(b + k);
  return sum;
}

// Each head's product of a and b.
HR_INLINE void NAME(products)(T *restrict out, const ROW *restrict a, const T *restrict b,
                              size_t heads, size_t inside) {
  size_t h = 0;
  if (inside % LANES == 0) {
    for (; h + 4 <= heads; h += 4, a += 4 * inside, b += 4 * inside) {
      NAME(lanes) sums[4];
      UNROLLED for (size_t k = 0; k < 4; k++)
        sums[k] = NAME(lane_products)(a + k * inside, b + k * inside, inside);
      NAME(add_lanes)(out + h, sums);
    }
    for (; h < heads; h++, a += inside, b += inside) {
      NAME(lanes) sums[4] = {NAME(lane_products)(a, b, inside)};
      T all[4];
      NAME(add_lanes)(all, sums);
      out[h] = all[0];
    }
  }
  for (; h < heads; h++, a += inside, b += inside) {
    T sum = 0;
    if (inside == 4)
      UNROLLED for (size_t k = 0; k < 4; k++) sum += ELEMENT(a[k]) * b[k];
    else
      sum = NAME(dot)(a, b, inside);
    out[h] = sum;
  }
}

HR_CLONES void NAME(hr_segment_dot)(T *restrict out, const ROW *restrict x, const T *restrict y,
                                    const uint32_t *restrict offsets,
                                    const uint32_t *restrict sources,
                                    const uint32_t *restrict places, size_t heads, size_t begin,
                                    size_t end, size_t width) {
  const size_t last = offsets[end];
  for (size_t t = begin; t < end; t++)
    for (size_t e = offsets[t]; e < offsets[t + 1]; e++) {
      if (e + AHEAD < last) NAME(prefetch_row)(x + SOURCE(e + AHEAD) * width, width);
      NAME(products)(out + (places ? places[e] : e) * heads, x + SOURCE(e) * width, y + t * width,
                     heads, width / heads);
    }
}

HR_CLONES void NAME(hr_segment_extreme)(T *restrict out, uint32_t *restrict places,
                                        const ROW *restrict x, const uint32_t *restrict offsets,
                                        const uint32_t *restrict sources, int sign, size_t begin,
                                        size_t end, size_t width) {
  const size_t last = offsets[end];
  const T factor = (T)sign;
  for (size_t t = begin; t < end; t++) {
    T *restrict row = out + t * width;
    uint32_t *restrict place = places + t * width;
    const size_t first = offsets[t], stop = offsets[t + 1];
    if (first == stop) {
      memset(row, 0, width * sizeof(T));
      memset(place, 0xff, width * sizeof(uint32_t));
      continue;
    }
    const ROW *begins = x + SOURCE(first) * width;
    for (size_t c = 0; c < width; c++) row[c] = ELEMENT(begins[c]), place[c] = (uint32_t)first;
    for (size_t e = first + 1; e < stop; e++) {
      if (e + AHEAD < last) NAME(prefetch_row)(x + SOURCE(e + AHEAD) * width, width);
      const ROW *a = x + SOURCE(e) * width;
      for (size_t c = 0; c < width; c++) {
        const T value = ELEMENT(a[c]);
        const bool wins = factor * value > factor * row[c] || (value != value && row[c] == row[c]);
        row[c] = wins ? value : row[c];
        place[c] = wins ? (uint32_t)e : place[c];
      }
    }
  }
}

#ifndef HALVES
HR_CLONES void NAME(hr_segment_spread)(T *restrict out, const T *restrict y,
                                       const uint32_t *restrict offsets, bool is_mean,
                                       size_t begin, size_t end, size_t width) {
  for (size_t t = begin; t < end; t++) {
    const T *restrict row = y + t * width;
    const T share = is_mean ? (T)1 / (T)(offsets[t + 1] - offsets[t]) : 1;
    for (size_t e = offsets[t]; e < offsets[t + 1]; e++)
      for (size_t c = 0; c < width; c++) out[e * width + c] = share * row[c];
  }
}

HR_CLONES void NAME(hr_segment_extreme_backward)(T *restrict dx, const T *restrict dy,
                                                 const uint32_t *restrict places,
                                                 const uint32_t *restrict transposed_offsets,
                                                 const uint32_t *restrict targets,
                                                 const uint32_t *restrict entries, size_t begin,
                                                 size_t end, size_t width) {
  for (size_t s = begin; s < end; s++) {
    T *restrict row = dx + s * width;
    memset(row, 0, width * sizeof(T));
    for (size_t e = transposed_offsets[s]; e < transposed_offsets[s + 1]; e++) {
      const T *a = dy + targets[e] * width;
      const uint32_t *place = places + targets[e] * width, entry = entries[e];
      for (size_t c = 0; c < width; c++) row[c] += place[c] == entry ? a[c] : 0;
    }
  }
}

HR_CLONES void NAME(hr_segment_extreme_spread)(T *restrict dx, const T *restrict dy,
                                               const uint32_t *restrict places,
                                               const uint32_t *restrict offsets, size_t begin,
                                               size_t end, size_t width) {
  for (size_t t = begin; t < end; t++)
    for (size_t e = offsets[t]; e < offsets[t + 1]; e++)
      for (size_t c = 0; c < width; c++)
        dx[e * width + c] = places[t * width + c] == e ? dy[t * width + c] : 0;
}

HR_CLONES void NAME(hr_segment_softmax)(T *restrict y, const T *restrict x,
                                        const uint32_t *restrict offsets, size_t begin, size_t end,
                                        size_t width) {
  for (size_t t = begin; t < end; t++)
    for (size_t c = 0; c < width; c++) {
      const size_t first = offsets[t] * width + c, stop = offsets[t + 1] * width;
      if (first >= stop) continue;
      T max = x[first], sum = 0;
      for (size_t i = first; i < stop; i += width) max = x[i] > max ? x[i] : max;
      for (size_t i = first; i < stop; i += width) sum += y[i] = NAME(exp)(x[i] - max);
      for (size_t i = first; i < stop; i += width) y[i] /= sum;
    }
}

HR_CLONES void NAME(hr_segment_softmax_backward)(T *restrict dx, const T *restrict dy,
                                                 const T *restrict y,
                                                 const uint32_t *restrict offsets, size_t begin,
                                                 size_t end, size_t width) {
  for (size_t t = begin; t < end; t++)
    for (size_t c = 0; c < width; c++) {
      const size_t first = offsets[t] * width + c, stop = offsets[t + 1] * width;
      T sum = 0;
      for (size_t i = first; i < stop; i += width) sum += y[i] * dy[i];
      for (size_t i = first; i < stop; i += width) dx[i] = y[i] * (dy[i] - sum);
    }
}
#endif
