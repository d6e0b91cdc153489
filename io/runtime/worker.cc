#include "io/runtime/worker.h"

#include <pthread.h>

namespace sluice::runtime {

ThreadWorker::ThreadWorker(std::string thread_name)
    : name_(std::move(thread_name)), thread_([this] { loop(); }) {}

ThreadWorker::~ThreadWorker() {
  stopping_.store(true, std::memory_order_release);
  submissions_.fetch_add(1, std::memory_order_release);
  submissions_.notify_one();
  thread_.join();
}

void ThreadWorker::submit(Job& job) noexcept {
  job.next_ = newest_.load(std::memory_order_relaxed);
  while (
      !newest_.compare_exchange_weak(job.next_, &job, std::memory_order_release, std::memory_order_relaxed)) {
  }
  submissions_.fetch_add(1, std::memory_order_release);
  submissions_.notify_one();
}

void ThreadWorker::loop() {
  pthread_setname_np(pthread_self(), name_.c_str());
  while (true) {
    const uint32_t seen = submissions_.load(std::memory_order_acquire);
    const bool stopping = stopping_.load(std::memory_order_acquire);
    Job* newest = newest_.exchange(nullptr, std::memory_order_acquire);
    if (newest == nullptr) {
      if (stopping) return;
      submissions_.wait(seen, std::memory_order_acquire);
      continue;
    }
    Job* oldest = nullptr;
    while (newest != nullptr) {
      Job* next = newest->next_;
      newest->next_ = oldest;
      oldest = newest;
      newest = next;
    }
    while (oldest != nullptr) {
      Job& job = *oldest;
      oldest = oldest->next_;
      job.run();
      job.shard_.resume_remote(job.ready_);  // the last touch: the job's frame may go at once
    }
  }
}

void SimulatedWorker::submit(Job& job) noexcept {
  job.run();
  job.shard_.timers().arm(job, job.shard_.now() + delay_);
}

}  // namespace sluice::runtime
