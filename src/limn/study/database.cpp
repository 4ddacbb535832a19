#include "limn/study/database.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <bit>
#include <cstring>

#include "limn/error.h"

namespace limn {
namespace {

static_assert(std::endian::native == std::endian::little, "lists of numbers are stored as they lie in memory");

[[noreturn]] void fail(sqlite3* file, const std::string& path) {
  const int code = sqlite3_errcode(file) & 0xFF;
  const bool broken = code == SQLITE_NOTADB || code == SQLITE_CORRUPT || code == SQLITE_ERROR;
  throw Error(broken ? ErrorCode::bad_input : ErrorCode::io,
              fmt::format("the rows cannot be {}: {}", broken ? "understood" : "read or written",
                          file != nullptr ? sqlite3_errmsg(file) : "out of memory"),
              path,
              code == SQLITE_FULL || code == SQLITE_IOERR ? "make room on the disk and go on with --resume" : "");
}

void check(int code, sqlite3* file, const std::string& path) {
  if (code != SQLITE_OK) fail(file, path);
}

struct BindTo {
  sqlite3_stmt* statement;
  int place;
  int operator()(std::monostate) const { return sqlite3_bind_null(statement, place); }
  int operator()(std::int64_t v) const { return sqlite3_bind_int64(statement, place, v); }
  int operator()(double v) const { return sqlite3_bind_double(statement, place, v); }
  int operator()(const std::string& v) const {
    return sqlite3_bind_text(statement, place, v.data(), static_cast<int>(v.size()), SQLITE_TRANSIENT);
  }
  int operator()(const std::vector<std::uint16_t>& v) const {
    return sqlite3_bind_blob(statement, place, v.data(), static_cast<int>(2 * v.size()), SQLITE_TRANSIENT);
  }
};

}  // namespace

Statement::Statement(sqlite3* file, std::string_view sql, std::string path) : file_(file), path_(std::move(path)) {
  sqlite3_stmt* statement = nullptr;
  check(sqlite3_prepare_v2(file, sql.data(), static_cast<int>(sql.size()), &statement, nullptr), file, path_);
  statement_.reset(statement);
}

void Statement::Finish::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

void Statement::bind(std::span<const Cell> values) {
  int place = 0;
  for (const Cell& value : values) check(std::visit(BindTo{statement_.get(), ++place}, value), file_, path_);
}

bool Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  sqlite3_reset(statement_.get());
  if (code != SQLITE_DONE) fail(file_, path_);
  return false;
}

void Statement::run(std::span<const Cell> values) {
  bind(values);
  while (step()) {
  }
}

bool Statement::is_null(int column) const { return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL; }
std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }
double Statement::real(int column) const { return sqlite3_column_double(statement_.get(), column); }

std::string Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  if (text == nullptr) return {};
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::vector<std::uint16_t> Statement::numbers(int column) const {
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  std::vector<std::uint16_t> numbers(static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column)) / 2);
  if (!numbers.empty()) std::memcpy(numbers.data(), bytes, 2 * numbers.size());
  return numbers;
}

Database::Database(const std::filesystem::path& path, int flags) : path_(path.string()) {
  try {
    check(sqlite3_open_v2(path_.c_str(), &file_, flags, nullptr), file_, path_);
    sqlite3_busy_timeout(file_, 5000);
    if ((flags & SQLITE_OPEN_READONLY) != 0) return;
    execute("PRAGMA journal_mode=WAL");
    execute("PRAGMA synchronous=NORMAL");
  } catch (...) {
    sqlite3_close(file_);
    throw;
  }
}

Database::Database(const std::filesystem::path& path)
    : Database(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) {}

Database Database::to_read(const std::filesystem::path& path) { return {path, SQLITE_OPEN_READONLY}; }

Database::~Database() { sqlite3_close_v2(file_); }

void Database::execute(const std::string& sql) {
  check(sqlite3_exec(file_, sql.c_str(), nullptr, nullptr, nullptr), file_, path_);
}

Statement Database::prepare(std::string_view sql) { return {file_, sql, path_}; }

void Database::close() {
  const int code = sqlite3_exec(file_, "PRAGMA journal_mode=DELETE", nullptr, nullptr, nullptr);
  if ((code & 0xFF) == SQLITE_BUSY || (code & 0xFF) == SQLITE_LOCKED) return;
  check(code, file_, path_);
}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    database_.execute("ROLLBACK");
  } catch (const Error&) {
    // After a failed write the database has taken the transaction back by itself.
  }
}

void Transaction::commit() {
  database_.execute("COMMIT");
  open_ = false;
}

}  // namespace limn
