#pragma once
// Ctrl-C and its kin: the work stops between two files, so that every finished file is whole.

namespace limn::cli {

/// SIGINT and SIGTERM ask for an end (a second one ends at once); a closed pipe or a file size limit become
/// errors of the write that met them.
void install_signal_handlers();
bool interrupted();
/// Throws Error{cancelled} once an end was asked for.
void stop_if_interrupted();

}  // namespace limn::cli
