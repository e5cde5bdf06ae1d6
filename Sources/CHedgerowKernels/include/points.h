// Points that are nearest to others, by exact search: every answer is the one of looking at all pairs.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Points of one block, which are looked at side by side.
#define HR_POINT_BLOCK 32

/// Points in blocks and, unless there are too many dimensions, a k-d tree over the blocks (Bentley, CACM 1975).
typedef struct {
  const float *coordinates;  // [blocks][dimensions][HR_POINT_BLOCK]
  const uint32_t *rows;      // of each point, which one it is
  const float *boxes;        // [2 blocks - 1][2][dimensions], in preorder; null: no tree
  size_t count;
  size_t dimensions;
} hr_point_tree;

/// Makes a tree of the points `rows` of a matrix, and orders rows by block. `boxes` is null where there
/// shall be none. Coordinates are finite. Time O(count (dimensions + log count)) for few dimensions.
void hr_build_points(const float *points, uint32_t *rows, size_t count, size_t dimensions,
                     float *coordinates, float *boxes);

/// One target's search. A key is the bits of a squared distance, then the number of the point: of points
/// that are equally far the lower number is the nearer one.
typedef struct {
  const float *target;
  uint64_t *keys;     // room for `limit`
  size_t limit;       // of points to find
  size_t found;       // 0 at first
  uint64_t most;      // larger keys are too far
  uint32_t excluded;  // a point that does not count; UINT32_MAX for none
} hr_point_search;

/// The key that no point is too far for.
#define HR_ANY_POINT 0x7F800000FFFFFFFFull

/// Finds the `limit` least keys of each search, and sorts them. Searches of one call go by each block
/// together where there is no tree.
void hr_search_points(const hr_point_tree *tree, hr_point_search *searches, size_t count);

/// distances[i] = the lesser of itself and the squared distance of points[i] from `point`, for points in
/// columns of `stride`. Returns the place of the largest, the first of several.
size_t hr_farthest_point(const float *columns, size_t stride, size_t dimensions, const float *point,
                         float *distances, size_t count);
