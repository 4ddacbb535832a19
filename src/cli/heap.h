#pragma once

namespace limn::cli {

/// Lays the heap of this process on huge pages, where the system has them: a page fault for every 4 KiB was a sixth
/// of the time of explaining one picture.
void use_huge_pages();

}  // namespace limn::cli
