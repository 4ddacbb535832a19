#pragma once
// Integrated gradients and SmoothGrad inside a graph: all points of an image as a batch. Memory and time are those
// of so many images; where a program is ours, many_runs.h is the better form.

#include <string>

#include "limn/averages.h"
#include "limn/graph.h"

namespace limn {

/// What the builder computes from `image` to `output` once more, from `points` instead: [M, C, H, W] for any M
/// where the network leaves its batch open. Throws Error{unsupported} where it does not.
Value computed_again(Value output, Value image, Value points);

/// x0 + t_m (x - x0) for an image x [N, C, H, W]: [N * steps, C, H, W], the points of an image one after the other.
/// Throws Error{bad_input} as quadrature_points() does, and for a colour of another number of channels.
Value path_points(Value image, const IntegrationPath& path);
/// The map [N, C, H, W] of the gradients at these points.
Value path_average(Value gradients, Value image, const IntegrationPath& path);

/// x + sigma (max x - min x) e for `noise` e [samples, C, H, W] of standard deviation 1: [N * samples, C, H, W].
/// Throws Error{bad_input} where there are too few samples for the variant, or sigma is negative.
Value noisy_points(Value image, Value noise, const GradientNoise& options, const std::string& variant);
/// The map [N, C, H, W] of the gradients at these points, by a variant of smooth-grad.
Value noisy_average(Value gradients, Value image, const GradientNoise& options, const std::string& variant);

/// Each row of x [N, ...] so many times, one after the other: [N * times, ...].
Value each_repeated(Value x, std::int64_t times);

}  // namespace limn
