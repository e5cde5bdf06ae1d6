#include "points.h"
#include <stdbool.h>
#include <string.h>
#include "dispatch.h"
#include "lanes.h"

// Distances are the same bits on every processor: no fused products.
#pragma clang fp contract(off)

enum { block = HR_POINT_BLOCK, lanes = 8, registers = block / lanes };

HR_INLINE size_t blocks_of(size_t count) { return (count + block - 1) / block; }

// Building

/// Moves the points with the `middle` least coordinates to the front. By thirds around a pivot, so that
/// equal coordinates cost nothing, with pivots at places that nobody can foresee from the data.
static void select_points(const float *points, uint32_t *rows, size_t count, size_t dimensions,
                          size_t axis, size_t middle) {
  size_t begin = 0, end = count;
  uint64_t state = count;
  while (end - begin > 1) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    size_t size = end - begin;
    const float pivot = points[rows[begin + (size_t)(state >> 33) % size] * dimensions + axis];
    size_t less = begin, at = begin, greater = end;
    while (at < greater) {
      const uint32_t row = rows[at];
      const float x = points[row * dimensions + axis];
      if (x < pivot) {
        rows[at++] = rows[less];
        rows[less++] = row;
      } else if (x > pivot) {
        rows[at] = rows[--greater];
        rows[greater] = row;
      } else {
        at++;
      }
    }
    if (middle < less) end = less;
    else if (middle >= greater) begin = greater;
    else return;
  }
}

static void build_node(const float *points, uint32_t *rows, size_t count, size_t dimensions,
                       float *boxes) {
  float *low = boxes, *high = boxes + dimensions;
  memcpy(low, points + rows[0] * dimensions, dimensions * sizeof *low);
  memcpy(high, low, dimensions * sizeof *low);
  for (size_t i = 1; i < count; i++) {
    const float *x = points + rows[i] * dimensions;
    for (size_t d = 0; d < dimensions; d++) {
      low[d] = x[d] < low[d] ? x[d] : low[d];
      high[d] = x[d] > high[d] ? x[d] : high[d];
    }
  }
  const size_t blocks = blocks_of(count);
  if (blocks == 1) return;
  size_t axis = 0;
  for (size_t d = 1; d < dimensions; d++)
    if (high[d] - low[d] > high[axis] - low[axis]) axis = d;
  const size_t left = blocks / 2, middle = left * block;
  select_points(points, rows, count, dimensions, axis, middle);
  build_node(points, rows, middle, dimensions, boxes + 2 * dimensions);
  build_node(points, rows + middle, count - middle, dimensions,
             boxes + 2 * dimensions * (2 * left));
}

void hr_build_points(const float *points, uint32_t *rows, size_t count, size_t dimensions,
                     float *coordinates, float *boxes) {
  if (count == 0) return;
  if (boxes && dimensions > 0) build_node(points, rows, count, dimensions, boxes);
  for (size_t first = 0; first < count; first += block) {
    const size_t size = count - first < block ? count - first : block;
    for (size_t d = 0; d < dimensions; d++) {
      float *column = coordinates + (first * dimensions + d * block);
      for (size_t i = 0; i < size; i++) column[i] = points[rows[first + i] * dimensions + d];
      for (size_t i = size; i < block; i++) column[i] = 0;
    }
  }
}

// Searching

static void sift_down(uint64_t *heap, size_t count, size_t at) {
  const uint64_t moved = heap[at];
  for (;;) {
    size_t child = 2 * at + 1;
    if (child >= count) break;
    if (child + 1 < count && heap[child + 1] > heap[child]) child++;
    if (heap[child] <= moved) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = moved;
}

static void make_heap(uint64_t *heap, size_t count) {
  for (size_t at = count / 2; at-- > 0;) sift_down(heap, count, at);
}

static void sort_heap(uint64_t *heap, size_t count) {
  while (count > 1) {
    const uint64_t largest = heap[0];
    heap[0] = heap[--count];
    sift_down(heap, count, 0);
    heap[count] = largest;
  }
}

HR_INLINE void offer(hr_point_search *search, uint64_t key) {
  if (search->found < search->limit) {
    search->keys[search->found++] = key;
    if (search->found < search->limit) return;
    make_heap(search->keys, search->limit);
  } else {
    search->keys[0] = key;
    sift_down(search->keys, search->limit, 0);
  }
  search->most = search->keys[0];
}

HR_INLINE float distance_of(uint64_t key) {
  const uint32_t bits = (uint32_t)(key >> 32);
  float distance;
  memcpy(&distance, &bits, sizeof distance);
  return distance;
}

HR_INLINE void look_at_block(const hr_point_tree *tree, size_t number, hr_point_search *search) {
  const size_t dimensions = tree->dimensions;
  const float *from = tree->coordinates + number * block * dimensions;
  lanes_f32 sums[registers];
  for (size_t r = 0; r < registers; r++) sums[r] = (lanes_f32){0};
  for (size_t d = 0; d < dimensions; d++) {
    const float x = search->target[d];
    for (size_t r = 0; r < registers; r++) {
      lanes_f32 a;
      memcpy(&a, from + d * block + r * lanes, sizeof a);
      const lanes_f32 difference = a - x;
      sums[r] += difference * difference;
    }
  }
  const float bound = distance_of(search->most);
  lanes_i32 near = sums[0] <= bound;
  for (size_t r = 1; r < registers; r++) near |= sums[r] <= bound;
  if (!__builtin_reduce_or(near)) return;
  float distances[block];
  memcpy(distances, sums, sizeof distances);
  const size_t left = tree->count - number * block, size = left < block ? left : block;
  const uint32_t *rows = tree->rows + number * block;
  for (size_t i = 0; i < size; i++) {
    uint32_t bits;
    memcpy(&bits, distances + i, sizeof bits);
    const uint64_t key = (uint64_t)bits << 32 | rows[i];
    if (key <= search->most && rows[i] != search->excluded) offer(search, key);
  }
}

/// At most the squared distance that look_at_block gives for any point of the box: rounding keeps order.
HR_INLINE float distance_from_box(const float *box, size_t dimensions, const float *x) {
  float sum = 0;
  for (size_t d = 0; d < dimensions; d++) {
    const float below = box[d] - x[d], above = x[d] - box[dimensions + d];
    float difference = below > above ? below : above;
    difference = difference > 0 ? difference : 0;
    sum += difference * difference;
  }
  return sum;
}

typedef struct {
  size_t node, first, blocks;
  float distance;
} pending;

HR_INLINE void descend(const hr_point_tree *tree, hr_point_search *search) {
  const size_t dimensions = tree->dimensions;
  // One for each level, of which 2^32 points have less than 32.
  pending stack[64];
  size_t depth = 0;
  pending now = {0, 0, blocks_of(tree->count), 0};
  for (;;) {
    if (now.distance <= distance_of(search->most)) {
      if (now.blocks > 1) {
        const size_t left = now.blocks / 2;
        pending a = {now.node + 1, now.first, left, 0};
        pending b = {now.node + 2 * left, now.first + left, now.blocks - left, 0};
        a.distance =
            distance_from_box(tree->boxes + 2 * dimensions * a.node, dimensions, search->target);
        b.distance =
            distance_from_box(tree->boxes + 2 * dimensions * b.node, dimensions, search->target);
        const bool is_left_nearer = a.distance <= b.distance;
        stack[depth++] = is_left_nearer ? b : a;
        now = is_left_nearer ? a : b;
        continue;
      }
      look_at_block(tree, now.first, search);
    }
    if (depth == 0) return;
    now = stack[--depth];
  }
}

HR_CLONES
void hr_search_points(const hr_point_tree *tree, hr_point_search *searches, size_t count) {
  if (tree->count == 0) return;
  if (tree->boxes) {
    for (size_t i = 0; i < count; i++)
      if (searches[i].limit > 0) descend(tree, searches + i);
  } else {
    for (size_t number = 0; number < blocks_of(tree->count); number++)
      for (size_t i = 0; i < count; i++)
        if (searches[i].limit > 0) look_at_block(tree, number, searches + i);
  }
  for (size_t i = 0; i < count; i++) {
    if (searches[i].found < searches[i].limit) make_heap(searches[i].keys, searches[i].found);
    sort_heap(searches[i].keys, searches[i].found);
  }
}

// Farthest points

HR_CLONES
size_t hr_farthest_point(const float *columns, size_t stride, size_t dimensions, const float *point,
                         float *distances, size_t count) {
  float largest = -1;
  size_t place = 0;
  for (size_t first = 0; first < count; first += block) {
    const size_t size = count - first < block ? count - first : block;
    float sums[block] = {0};
    for (size_t d = 0; d < dimensions; d++) {
      const float *column = columns + d * stride + first, x = point[d];
      for (size_t i = 0; i < size; i++) {
        const float difference = column[i] - x;
        sums[i] += difference * difference;
      }
    }
    float most = -1;
    for (size_t i = 0; i < size; i++) {
      const float nearer = sums[i] < distances[first + i] ? sums[i] : distances[first + i];
      distances[first + i] = nearer;
      most = nearer > most ? nearer : most;
    }
    if (most <= largest) continue;
    largest = most;
    for (size_t i = 0; i < size; i++)
      if (distances[first + i] == most) {
        place = first + i;
        break;
      }
  }
  return place;
}
