// The loops of graph.h for one element type: T, with its suffix in NAME.

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

HR_CLONES void NAME(hr_scatter_rows)(T *restrict out, const T *restrict values,
                                     const uint32_t *restrict rows, size_t count, size_t width,
                                     size_t begin, size_t end) {
  for (size_t i = 0; i < count; i++) {
    if (rows[i] < begin || rows[i] >= end) continue;
    T *row = out + rows[i] * width;
    const T *value = values + i * width;
    for (size_t c = 0; c < width; c++) row[c] += value[c];
  }
}

HR_CLONES void NAME(hr_segment_mean)(T *restrict out, const T *restrict x,
                                     const uint32_t *restrict offsets,
                                     const uint32_t *restrict sources, size_t begin, size_t end,
                                     size_t width) {
  const size_t last = offsets[end];
  for (size_t t = begin; t < end; t++) {
    T *restrict row = out + t * width;
    size_t e = offsets[t];
    const size_t stop = offsets[t + 1];
    if (e == stop) {
      memset(row, 0, width * sizeof(T));
      continue;
    }
    const T share = (T)1 / (T)(stop - e);
    // Two edges a pass halve the traffic of the row being summed.
    size_t pass = (stop - e) % 2;
    if (pass) {
      if (e + AHEAD < last) NAME(prefetch_row)(x + sources[e + AHEAD] * width, width);
      memcpy(row, x + sources[e] * width, width * sizeof(T));
      e++;
    }
    for (; e < stop; e += 2) {
      if (e + AHEAD < last) NAME(prefetch_row)(x + sources[e + AHEAD] * width, width);
      if (e + 1 + AHEAD < last) NAME(prefetch_row)(x + sources[e + 1 + AHEAD] * width, width);
      const T *a = x + sources[e] * width, *b = x + sources[e + 1] * width;
      if (pass)
        for (size_t c = 0; c < width; c++) row[c] = row[c] + a[c] + b[c];
      else
        for (size_t c = 0; c < width; c++) row[c] = a[c] + b[c];
      pass = 1;
    }
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
