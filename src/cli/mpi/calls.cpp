#include "mpi/calls.h"

#include <mpi.h>

namespace limn::cli {
namespace {

bool start(int* rank, int* size) {
  int provided = 0;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided);
  MPI_Comm_rank(MPI_COMM_WORLD, rank);
  MPI_Comm_size(MPI_COMM_WORLD, size);
  return provided >= MPI_THREAD_SERIALIZED;
}

void finish() { MPI_Finalize(); }

void send(int rank, int tag, const std::uint8_t* bytes, int size) {
  MPI_Send(bytes, size, MPI_BYTE, rank, tag, MPI_COMM_WORLD);
}

int arrived(int rank, int tag) {
  int is_there = 0, size = 0;
  MPI_Status status;
  MPI_Iprobe(rank, tag, MPI_COMM_WORLD, &is_there, &status);
  if (is_there == 0) return -1;
  MPI_Get_count(&status, MPI_BYTE, &size);
  return size;
}

void receive(int rank, int tag, std::uint8_t* bytes, int size) {
  MPI_Recv(bytes, size, MPI_BYTE, rank, tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

}  // namespace
}  // namespace limn::cli

extern "C" __attribute__((visibility("default"))) const limn::cli::MpiCalls limn_mpi_calls{
    limn::cli::start, limn::cli::finish, limn::cli::send, limn::cli::arrived, limn::cli::receive};
