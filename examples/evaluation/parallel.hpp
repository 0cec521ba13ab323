// SPDX-License-Identifier: MIT
// Threads. The parts of the work do not depend on the number of threads, so results do not either.
#ifndef YARN_EXAMPLES_EVALUATION_PARALLEL_HPP
#define YARN_EXAMPLES_EVALUATION_PARALLEL_HPP

#include <algorithm>
#include <cstddef>
#include <exception>
#include <thread>
#include <vector>

namespace evaluation {

/// Calls work(part, thread) for each part in [0, n_parts). Thread i has the parts i, i + n_threads,
/// … Rethrows an exception of a part after all threads have ended.
template <class Work>
void for_each_part(std::size_t n_parts, std::size_t n_threads, const Work& work) {
  n_threads = std::max<std::size_t>(1, std::min(n_threads, n_parts));
  std::vector<std::exception_ptr> errors(n_threads);
  const auto run = [&](std::size_t thread) {
    try {
      for (std::size_t part = thread; part < n_parts; part += n_threads)
        work(part, thread);
    } catch (...) {
      errors[thread] = std::current_exception();
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < n_threads; ++i)
    threads.emplace_back(run, i);
  run(0);
  for (std::thread& t : threads)
    t.join();
  for (const std::exception_ptr& error : errors)
    if (error)
      std::rethrow_exception(error);
}

} // namespace evaluation

#endif
