#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "limn/explain.h"

namespace limn {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// The eigenvector of the largest eigenvalue of a symmetric matrix.
Eigen::VectorXd leading(const Matrix& symmetric) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver{Eigen::MatrixXd(symmetric)};
  return solver.eigenvectors().col(symmetric.cols() - 1);
}

/// Projection of the rows of O [U, K] on its first right singular vector, through the smaller Gram matrix.
Eigen::VectorXd first_component(const Matrix& o) {
  if (o.cols() <= o.rows()) return o * leading(o.transpose() * o);
  const Matrix gram = o * o.transpose();
  const Eigen::VectorXd u = leading(gram);
  return u * std::sqrt(std::max(0.0, u.dot(gram * u)));  // O v = sigma u
}

}  // namespace

std::vector<float> eigen_cam(std::span<const float> activation, std::int64_t channels, std::int64_t height,
                             std::int64_t width) {
  const std::int64_t positions = height * width;
  const Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>> a(
      activation.data(), channels, positions);
  Matrix o = a.cast<double>().transpose();
  o.rowwise() -= o.colwise().mean().eval();
  Eigen::VectorXd map = first_component(o);
  if (std::abs(map.minCoeff()) > std::abs(map.maxCoeff())) map = -map;
  std::vector<float> out(static_cast<std::size_t>(positions));
  std::ranges::transform(map, out.begin(), [](double v) { return static_cast<float>(v); });
  return out;
}

}  // namespace limn
