#pragma once
// What Ranks needs of MPI. The calls are in a module of their own, limn_mpi.so, which is loaded under mpirun alone:
// MPI's dozen libraries would cost every command several milliseconds of start-up.

#include <cstdint>

namespace limn::cli {

struct MpiCalls {
  /// Takes part in what mpirun started; whether MPI then serves several threads, one after the other.
  bool (*start)(int* rank, int* size);
  void (*finish)();
  void (*send)(int rank, int tag, const std::uint8_t* bytes, int size);
  /// Bytes of the message that has come from there; -1: none yet.
  int (*arrived)(int rank, int tag);
  void (*receive)(int rank, int tag, std::uint8_t* bytes, int size);
};

}  // namespace limn::cli

/// The one symbol of the module.
extern "C" const limn::cli::MpiCalls limn_mpi_calls;
