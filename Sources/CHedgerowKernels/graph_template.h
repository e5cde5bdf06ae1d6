// The loops of graph.h for one element type: T, with its suffix in NAME.
#include "dot_template.h"

static inline void NAME(prefetch_row)(const T *row, size_t width) {
  const char *line = (const char *)row;
  for (size_t byte = 0; byte < width * sizeof(T); byte += 64) __builtin_prefetch(line + byte);
}

HR_CLONES void NAME(hr_gather_rows)(T *restrict out, const T *restrict table,
                                    const uint32_t *restrict rows, size_t count, size_t width) {
  for (size_t i = 0; i < count; i++, out += width) {
    if (i + AHEAD < count) NAME(prefetch_row)(table + rows[i + AHEAD] * width, width);
    memcpy(out, table + rows[i] * width, width * sizeof(T));
  }
}

HR_CLONES void NAME(hr_segment_sum)(T *restrict out, const T *restrict x,
                                    const uint32_t *restrict offsets,
                                    const uint32_t *restrict sources, bool is_mean, size_t begin,
                                    size_t end, size_t width) {
  const size_t last = offsets[end];
  for (size_t t = begin; t < end; t++) {
    T *restrict row = out + t * width;
    size_t e = offsets[t];
    const size_t stop = offsets[t + 1];
    if (e == stop) {
      memset(row, 0, width * sizeof(T));
      continue;
    }
    const T share = is_mean ? (T)1 / (T)(stop - e) : 1;
    // Two edges a pass halve the traffic of the row being summed.
    size_t pass = (stop - e) % 2;
    if (pass) {
      if (e + AHEAD < last) NAME(prefetch_row)(x + SOURCE(e + AHEAD) * width, width);
      memcpy(row, x + SOURCE(e) * width, width * sizeof(T));
      e++;
    }
    for (; e < stop; e += 2) {
      if (e + AHEAD < last) NAME(prefetch_row)(x + SOURCE(e + AHEAD) * width, width);
      if (e + 1 + AHEAD < last) NAME(prefetch_row)(x + SOURCE(e + 1 + AHEAD) * width, width);
      const T *a = x + SOURCE(e) * width, *b = x + SOURCE(e + 1) * width;
      if (pass)
        for (size_t c = 0; c < width; c++) row[c] = row[c] + a[c] + b[c];
      else
        for (size_t c = 0; c < width; c++) row[c] = a[c] + b[c];
      pass = 1;
    }
    if (is_mean)
      for (size_t c = 0; c < width; c++) row[c] *= share;
  }
}

HR_CLONES void NAME(hr_segment_mean_backward)(T *restrict dx, const T *restrict dy,
                                              const uint32_t *restrict transposed_offsets,
                                              const uint32_t *restrict targets,
                                              const uint32_t *restrict offsets, size_t begin,
                                              size_t end, size_t width) {
  const size_t last = transposed_offsets[end];
  for (size_t s = begin; s < end; s++) {
    T *restrict row = dx + s * width;
    size_t e = transposed_offsets[s];
    const size_t stop = transposed_offsets[s + 1];
    if (e == stop) {
      memset(row, 0, width * sizeof(T));
      continue;
    }
    for (size_t first = e; e < stop; e++) {
      if (e + AHEAD < last) NAME(prefetch_row)(dy + targets[e + AHEAD] * width, width);
      const size_t t = targets[e];
      const T share = (T)1 / (T)(offsets[t + 1] - offsets[t]);
      const T *a = dy + t * width;
      if (e == first)
        for (size_t c = 0; c < width; c++) row[c] = share * a[c];
      else
        for (size_t c = 0; c < width; c++) row[c] += share * a[c];
    }
  }
}

HR_CLONES void NAME(hr_segment_weighted_sum)(T *restrict out, const T *restrict x,
                                             const uint32_t *restrict offsets,
                                             const uint32_t *restrict sources,
                                             const T *restrict weights,
                                             const uint32_t *restrict places, size_t heads,
                                             size_t begin, size_t end, size_t width) {
  const size_t last = offsets[end], stretch = width / heads;
  for (size_t t = begin; t < end; t++) {
    T *restrict row = out + t * width;
    memset(row, 0, width * sizeof(T));
    for (size_t e = offsets[t]; e < offsets[t + 1]; e++) {
      if (e + AHEAD < last) NAME(prefetch_row)(x + SOURCE(e + AHEAD) * width, width);
      const T *a = x + SOURCE(e) * width, *w = weights + (places ? places[e] : e) * heads;
      for (size_t h = 0; h < heads; h++) {
        const T weight = w[h];
        for (size_t c = h * stretch; c < (h + 1) * stretch; c++) row[c] += weight * a[c];
      }
    }
  }
}

HR_CLONES void NAME(hr_segment_dot)(T *restrict out, const T *restrict x, const T *restrict y,
                                    const uint32_t *restrict offsets,
                                    const uint32_t *restrict sources, size_t heads, size_t begin,
                                    size_t end, size_t width) {
  const size_t last = offsets[end], stretch = width / heads;
  for (size_t t = begin; t < end; t++)
    for (size_t e = offsets[t]; e < offsets[t + 1]; e++) {
      if (e + AHEAD < last) NAME(prefetch_row)(x + SOURCE(e + AHEAD) * width, width);
      const T *a = x + SOURCE(e) * width, *b = y + t * width;
      for (size_t h = 0; h < heads; h++, a += stretch, b += stretch)
        out[e * heads + h] = NAME(dot)(a, b, stretch);
    }
}

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

HR_CLONES void NAME(hr_segment_extreme)(T *restrict out, uint32_t *restrict places,
                                        const T *restrict x, const uint32_t *restrict offsets,
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
    memcpy(row, x + SOURCE(first) * width, width * sizeof(T));
    for (size_t c = 0; c < width; c++) place[c] = (uint32_t)first;
    for (size_t e = first + 1; e < stop; e++) {
      if (e + AHEAD < last) NAME(prefetch_row)(x + SOURCE(e + AHEAD) * width, width);
      const T *a = x + SOURCE(e) * width;
      for (size_t c = 0; c < width; c++) {
        const bool wins = factor * a[c] > factor * row[c] || (a[c] != a[c] && row[c] == row[c]);
        row[c] = wins ? a[c] : row[c];
        place[c] = wins ? (uint32_t)e : place[c];
      }
    }
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
      for (size_t i = first; i < stop; i += width) sum += y[i] = EXP(x[i] - max);
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
