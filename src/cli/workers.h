#pragma once
// A few threads that do pieces of work in any order.

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace limn::cli {

class Workers {
 public:
  explicit Workers(int threads);
  /// Drops work that nobody has begun.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  void submit(std::function<void()> work);
  /// Until all work is done. When a piece threw, what has not begun is dropped and the first exception thrown here.
  void wait();
  /// Drops what has not begun and waits for the rest.
  void cancel() noexcept;

 private:
  void run(const std::stop_token&);

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::function<void()>> waiting_;
  std::size_t running_ = 0;
  std::exception_ptr failure_;
  std::vector<std::jthread> threads_;  // last: they use all of the above
};

}  // namespace limn::cli
