// The loops of segments.h for one element type, over what graph_template.h has of it. Columns go by
// stretches whose sums stay in the first cache while the edges go by.

HR_CLONES void NAME(hr_segment_variance)(T *restrict out, T *restrict means, const T *restrict x,
                                         const uint32_t *restrict offsets,
                                         const uint32_t *restrict sources, size_t begin,
                                         size_t end, size_t width) {
  T mean[COLUMNS], squares[COLUMNS];
  const size_t last = offsets[end];
  for (size_t t = begin; t < end; t++) {
    const size_t first = offsets[t], stop = offsets[t + 1];
    const T share = stop > first ? (T)1 / (T)(stop - first) : 0;
    for (size_t c = 0; c < width; c += COLUMNS) {
      const size_t n = width - c < COLUMNS ? width - c : COLUMNS;
      for (size_t k = 0; k < n; k++) mean[k] = squares[k] = 0;
      for (size_t e = first; e < stop; e++) {
        if (e + AHEAD < last) NAME(prefetch_row)(x + SOURCE(e + AHEAD) * width + c, n);
        const T *a = x + SOURCE(e) * width + c;
        for (size_t k = 0; k < n; k++) mean[k] += a[k];
      }
      for (size_t k = 0; k < n; k++) mean[k] *= share;
      for (size_t e = first; e < stop; e++) {
        const T *a = x + SOURCE(e) * width + c;
        for (size_t k = 0; k < n; k++) squares[k] += (a[k] - mean[k]) * (a[k] - mean[k]);
      }
      for (size_t k = 0; k < n; k++) {
        means[t * width + c + k] = mean[k];
        out[t * width + c + k] = share * squares[k];
      }
    }
  }
}

HR_CLONES void NAME(hr_segment_variance_backward)(
    T *restrict dx, const T *restrict dy, const T *restrict x, const T *restrict means,
    const uint32_t *restrict transposed_offsets, const uint32_t *restrict targets,
    const uint32_t *restrict places, const uint32_t *restrict offsets, size_t begin, size_t end,
    size_t width) {
  const size_t last = transposed_offsets[end];
  for (size_t r = begin; r < end; r++) {
    T *restrict row = dx + r * width;
    const T *restrict a = x + (places ? places[r] : r) * width;
    for (size_t c = 0; c < width; c++) row[c] = 0;
    for (size_t e = transposed_offsets[r]; e < transposed_offsets[r + 1]; e++) {
      if (e + AHEAD < last) {
        NAME(prefetch_row)(dy + targets[e + AHEAD] * width, width);
        NAME(prefetch_row)(means + targets[e + AHEAD] * width, width);
      }
      const size_t t = targets[e];
      const T share = (T)2 / (T)(offsets[t + 1] - offsets[t]);
      const T *restrict slope = dy + t * width, *restrict mean = means + t * width;
      for (size_t c = 0; c < width; c++) row[c] += share * slope[c] * (a[c] - mean[c]);
    }
  }
}

HR_CLONES void NAME(hr_segment_log_sum_exp)(T *restrict y, const T *restrict x,
                                            const uint32_t *restrict offsets,
                                            const uint32_t *restrict sources, size_t begin,
                                            size_t end, size_t width) {
  T max[COLUMNS], shift[COLUMNS], sums[COLUMNS];
  const size_t last = offsets[end];
  for (size_t t = begin; t < end; t++) {
    const size_t first = offsets[t], stop = offsets[t + 1];
    T *restrict row = y + t * width;
    if (first == stop) {
      memset(row, 0, width * sizeof(T));
      continue;
    }
    for (size_t c = 0; c < width; c += COLUMNS) {
      const size_t n = width - c < COLUMNS ? width - c : COLUMNS;
      for (size_t k = 0; k < n; k++) max[k] = -(T)INFINITY;
      for (size_t e = first; e < stop; e++) {
        if (e + AHEAD < last) NAME(prefetch_row)(x + SOURCE(e + AHEAD) * width + c, n);
        const T *a = x + SOURCE(e) * width + c;
        for (size_t k = 0; k < n; k++) max[k] = a[k] > max[k] || a[k] != a[k] ? a[k] : max[k];
      }
      // An infinity, or NaN, is the result: differences with it mean nothing.
      for (size_t k = 0; k < n; k++) {
        shift[k] = max[k] < (T)INFINITY && max[k] > -(T)INFINITY ? max[k] : 0;
        sums[k] = 0;
      }
      for (size_t e = first; e < stop; e++) {
        const T *a = x + SOURCE(e) * width + c;
        for (size_t k = 0; k < n; k++) sums[k] += NAME(exp)(a[k] - shift[k]);
      }
      for (size_t k = 0; k < n; k++) {
        const bool is_finite = max[k] < (T)INFINITY && max[k] > -(T)INFINITY;
        row[c + k] = is_finite ? max[k] + NAME(log)(sums[k]) : max[k];
      }
    }
  }
}

HR_CLONES void NAME(hr_segment_log_sum_exp_backward)(
    T *restrict dx, const T *restrict dy, const T *restrict x, const T *restrict y,
    const uint32_t *restrict transposed_offsets, const uint32_t *restrict targets,
    const uint32_t *restrict places, size_t begin, size_t end, size_t width) {
  const size_t last = transposed_offsets[end];
  for (size_t r = begin; r < end; r++) {
    T *restrict row = dx + r * width;
    const T *restrict a = x + (places ? places[r] : r) * width;
    for (size_t c = 0; c < width; c++) row[c] = 0;
    for (size_t e = transposed_offsets[r]; e < transposed_offsets[r + 1]; e++) {
      if (e + AHEAD < last) {
        NAME(prefetch_row)(dy + targets[e + AHEAD] * width, width);
        NAME(prefetch_row)(y + targets[e + AHEAD] * width, width);
      }
      const T *restrict slope = dy + targets[e] * width, *restrict sum = y + targets[e] * width;
      for (size_t c = 0; c < width; c++)
        row[c] += a[c] == -(T)INFINITY ? 0 : slope[c] * NAME(exp)(a[c] - sum[c]);
    }
  }
}

HR_CLONES void NAME(hr_segment_add)(T *restrict out, const T *restrict x, const T *restrict y,
                                    const uint32_t *restrict offsets,
                                    const uint32_t *restrict sources,
                                    const uint32_t *restrict places, size_t begin, size_t end,
                                    size_t width) {
  const size_t last = offsets[end];
  for (size_t t = begin; t < end; t++)
    for (size_t e = offsets[t]; e < offsets[t + 1]; e++) {
      if (e + AHEAD < last) NAME(prefetch_row)(x + SOURCE(e + AHEAD) * width, width);
      T *restrict row = out + (places ? places[e] : e) * width;
      const T *restrict a = x + SOURCE(e) * width, *restrict b = y + t * width;
      for (size_t c = 0; c < width; c++) row[c] = a[c] + b[c];
    }
}
