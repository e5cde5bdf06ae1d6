// Innermost loops in C, chosen at run time for the processor: one build runs everywhere and fast.
#pragma once
#include "arrays.h"    // comparisons, selection, cumulative sums, sorted rows, halves
#include "checksum.h"  // CRC-32C
#include "dense.h"     // fills, sums, classification, dropout, Adam
#include "elementwise.h"  // functions of one and of two numbers, their slopes, other losses, SGD
#include "gather.h"    // rows of feature matrices to float32
#include "gemm.h"      // matrix products of bfloat16
#include "graph.h"     // segment reduce over blocks
#include "sampling.h"  // extents, picks, neighbor reads, relabelling
#include "sort.h"      // radix sorts of fixed-width records
#include "strided.h"   // copies between views
#include "table.h"     // a hash table of texts
#include "text.h"      // delimited text and numbers
