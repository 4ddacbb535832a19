#pragma once
// A file of SQLite, and nothing of its interface.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace limn {

/// A value of a row: nothing, a whole number, a real one, text, or a list of small numbers (as little-endian
/// bytes).
using Cell = std::variant<std::monostate, std::int64_t, double, std::string, std::vector<std::uint16_t>>;

class Statement {
 public:
  /// Values take the places ?1, ?2, ... in order.
  void bind(std::span<const Cell> values);
  /// To the next row of the answer; false after the last, and then the statement may be bound again.
  bool step();
  /// Binds, and runs to the end.
  void run(std::span<const Cell> values);

  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;
  std::vector<std::uint16_t> numbers(int column) const;

 private:
  friend class Database;
  Statement(sqlite3* file, std::string_view sql, std::string path);
  struct Finish {
    void operator()(sqlite3_stmt* statement) const;
  };
  sqlite3* file_;
  std::string path_;
  std::unique_ptr<sqlite3_stmt, Finish> statement_;
};

/// Every member throws Error{io} when the file cannot be read or written (a full disk), Error{bad_input} when it is
/// no database or a broken one.
class Database {
 public:
  /// Opens or makes the file. What is committed survives the death of the process; a journal beside the file holds
  /// the newest of it until close().
  explicit Database(const std::filesystem::path&);
  /// Opens a file that is there, and never changes it.
  static Database to_read(const std::filesystem::path&);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void execute(const std::string& sql);
  Statement prepare(std::string_view sql);
  /// Moves everything into the one file; where somebody is reading it, the journal stays beside it, to no harm.
  void close();

 private:
  Database(const std::filesystem::path&, int flags);

  std::string path_;
  sqlite3* file_ = nullptr;
};

/// Begins a transaction, and takes it back unless commit() was reached.
class Transaction {
 public:
  explicit Transaction(Database& database) : database_(database) { database_.execute("BEGIN IMMEDIATE"); }
  ~Transaction();
  void commit();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace limn
