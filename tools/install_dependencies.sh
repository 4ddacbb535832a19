#!/bin/sh
# Installs what limn needs on Debian 12:  tools/install_dependencies.sh GROUP...
#   build    compiler, CMake and the libraries: enough for the program limn itself
#   test     what `make test` needs beyond that
#   parity   PyTorch and torchvision, which the tests labelled parity compare with (350 MB to download)
#   browser  Chromium, in which pages are tested
#   bench    Google Benchmark
#   develop  formatter, linter, fuzzer, compiler cache
# Does nothing when all is there. Needs to be root, or sudo without a password; otherwise it says what to type.
set -eu

packages_of() {
  case $1 in
    build) echo "g++ cmake ninja-build pkg-config git libdnnl-dev libomp5-14 libonnx-dev libprotobuf-dev" \
                "libopencv-core-dev libopencv-imgproc-dev libjpeg62-turbo-dev libpng-dev libwebp-dev libtiff-dev libdeflate-dev" \
                "zlib1g-dev libsqlite3-dev libfmt-dev libxxhash-dev nlohmann-json3-dev libeigen3-dev libcli11-dev" ;;
    test) echo "libgtest-dev libgmock-dev libonnx-testdata libopenmpi-dev openmpi-bin" \
               "python3 python3-numpy python3-pil" ;;
    parity) echo "python3-torch python3-torchvision python3-onnx" ;;
    browser) echo "chromium" ;;
    bench) echo "libbenchmark-dev" ;;
    develop) echo "clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev ccache gcovr" ;;
    *) echo "$0: no group '$1' (build, test, parity, browser, bench, develop)" >&2; return 1 ;;
  esac
}

is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null || true)" = installed ]
}

if ! command -v dpkg-query >/dev/null; then
  echo "limn: not a Debian system; install by hand what the list in $0 names" >&2
  exit 0
fi

missing=
for group in "$@"; do
  packages=$(packages_of "$group")
  for package in $packages; do
    is_installed "$package" || missing="$missing $package"
  done
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
  as_root=
elif sudo -n true 2>/dev/null; then
  as_root="sudo -n"
else
  echo "limn: packages are missing. Install them, then run the same command again:" >&2
  echo "  sudo apt-get install --no-install-recommends$missing" >&2
  exit 1
fi
echo "limn: installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { $as_root apt-get update -q && $as_root env DEBIAN_FRONTEND=noninteractive \
         apt-get install -q -y --no-install-recommends $missing; } >"$log" 2>&1; then
  cat "$log" >&2
  echo "limn: apt-get could not install$missing" >&2
  exit 1
fi
