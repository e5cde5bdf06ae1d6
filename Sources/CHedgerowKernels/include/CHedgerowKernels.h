// Innermost loops in C, chosen at run time for the processor: one build runs everywhere and fast.
#pragma once
#include "activation.h"      // activations, dropout
#include "arrays.h"          // comparisons, selection, cumulative sums, sorted rows, halves
#include "checksum.h"        // CRC-32C
#include "classification.h"  // softmax, cross-entropy
#include "dense.h"           // fills, sums, uniform numbers
#include "elementwise.h"     // functions of one and of two numbers, their slopes
#include "gather.h"          // rows of feature matrices to float32
#include "gemm.h"            // matrix products of bfloat16
#include "graph.h"           // segment reduce over blocks
#include "loss.h"            // losses of pairs of numbers
#include "norm.h"            // normalization of rows and columns
#include "optimizer.h"       // steps of optimizers
#include "points.h"          // nearest and farthest points
#include "processor.h"       // what kernels run here
#include "sampling.h"        // extents, picks, neighbor reads, relabelling
#include "segments.h"        // statistics of segments
#include "selection.h"       // choices by weight, by time and shared ones
#include "sort.h"            // radix sorts of fixed-width records
#include "sparse.h"          // products of sparse matrices
#include "sparse_gemm.h"     // matrix products that skip zeros
#include "strided.h"         // copies between views
#include "table.h"           // a hash table of texts
#include "text.h"            // delimited text and numbers
