// Each kind of dataset, written small as it lies on disk, and what is said when it does not.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <fstream>

#include "limn/dataset.h"
#include "support/expect_error.h"
#include "support/scratch_folder.h"

namespace limn {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class Datasets : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name, std::ios::binary) << text;
  }
  void picture(const std::string& name, int width = 4, int height = 3) const {
    fs::create_directories((root_ / name).parent_path());
    write_png(root_ / name, Image(width, height));
  }
  auto open(std::string_view kind, const std::string& split = {}) const {
    return open_dataset(kind, root_.path(), {split, {}});
  }
  ScratchFolder root_;
};

std::string object(const std::string& name, const std::string& box, const std::string& more = {}) {
  return "<object><name>" + name + "</name>" + more + "<bndbox>" + box + "</bndbox></object>";
}
constexpr const char* kBox = "<xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax>";
constexpr const char* kOtherBox = "<xmin>2</xmin><ymin>2</ymin><xmax>8</xmax><ymax>9</ymax>";
std::string annotation(const std::string& objects) {
  return "<annotation><size><width>50</width><height>40</height></size>" + objects + "</annotation>";
}

class IlsvrcDataset : public Datasets {
 protected:
  IlsvrcDataset() {
    write("LOC_synset_mapping.txt", "n01 tench, fish\nn02 goldfish\n");
    for (const char* name : {"a", "b", "c"}) picture(std::string(kImages) + name + ".JPEG");
    write(std::string(kXml) + "a.xml", annotation(object("n02", kBox)));
    write(std::string(kXml) + "b.xml",
          annotation(object("n01", kBox) + object("n01", kOtherBox) + object("n02", kBox)));
    write(std::string(kXml) + "c.xml", annotation(""));
  }
  static constexpr const char* kImages = "ILSVRC/Data/CLS-LOC/val/";
  static constexpr const char* kXml = "ILSVRC/Annotations/CLS-LOC/val/";
};

TEST_F(IlsvrcDataset, IsReadAsItIsUnpacked) {
  const auto data = open("ilsvrc");
  EXPECT_THAT(data->classes(), ElementsAre("n01", "n02"));
  ASSERT_EQ(data->size(), 3U);
  const Sample b = data->sample(1);
  EXPECT_EQ(b.id, "b");
  EXPECT_THAT(b.classes, ElementsAre(0U, 1U));
  ASSERT_EQ(b.boxes.size(), 3U);
  EXPECT_EQ(b.boxes[1], (TrueBox{{2, 2, 8, 9}, 0, false}));
  EXPECT_EQ(b.width, 50);
  EXPECT_EQ(b.height, 40);
  EXPECT_EQ(data->image(1).width, 4);
  EXPECT_EQ(open_dataset("ilsvrc", root_ / "ILSVRC")->size(), 3U);  // the folder itself will do
}

TEST_F(IlsvrcDataset, ListNamesTheImagesAndTheirOrder) {
  write("ILSVRC/ImageSets/CLS-LOC/val.txt", "b 1\na 2\n");
  const auto data = open("ilsvrc");
  ASSERT_EQ(data->size(), 2U);
  EXPECT_EQ(data->id(0), "b");
}

TEST_F(IlsvrcDataset, TroubleOfOneImageIsItsOwn) {
  const auto data = open("ilsvrc");
  EXPECT_ERROR(data->sample(2), ErrorCode::bad_input, AllOf(HasSubstr("no object"), HasSubstr("c.xml")));
  write(std::string(kXml) + "a.xml", annotation(object("n99", kBox)));
  EXPECT_ERROR(data->sample(0), ErrorCode::bad_input, AllOf(HasSubstr("n99"), HasSubstr("a.xml")));
  write(std::string(kXml) + "a.xml", annotation(object("n01", "<xmin>1</xmin>")));
  EXPECT_ERROR(data->sample(0), ErrorCode::bad_input, AllOf(HasSubstr("<ymin>"), HasSubstr("a.xml")));
  write(std::string(kXml) + "a.xml",
        annotation(object("n01", "<xmin>5</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax>")));
  EXPECT_ERROR(data->sample(0), ErrorCode::bad_input, HasSubstr("no inside"));
  fs::remove(root_ / (std::string(kXml) + "a.xml"));
  EXPECT_ERROR(data->sample(0), ErrorCode::not_found, HasSubstr("a.xml"));
  fs::remove(root_ / (std::string(kImages) + "a.JPEG"));
  EXPECT_ERROR(data->image(0), ErrorCode::not_found, HasSubstr("a.JPEG"));
}

TEST_F(IlsvrcDataset, TheSolutionStandsInForMissingAnnotations) {
  fs::remove_all(root_ / "ILSVRC/Annotations");
  EXPECT_ERROR(open("ilsvrc"), ErrorCode::not_found,
               AllOf(HasSubstr("annotations"), HasSubstr("LOC_val_solution.csv")));
  write("LOC_val_solution.csv", "ImageId,Boxes\na,n01 1 2 3 4 \n");
  EXPECT_ERROR(open("ilsvrc"), ErrorCode::bad_input, HasSubstr("ImageId,PredictionString"));
  write("LOC_val_solution.csv", "ImageId,PredictionString\na,n02 1 2 3 4 n02 5 6 7 8 \n");
  const auto data = open("ilsvrc");
  EXPECT_THAT(data->sample(0).classes, ElementsAre(1U));
  EXPECT_EQ(data->sample(0).boxes[1].box, (Box{5, 6, 7, 8}));
  write("LOC_val_solution.csv", "ImageId,PredictionString\na,n02 1 2 3\n");
  EXPECT_ERROR(open("ilsvrc"), ErrorCode::bad_input, AllOf(HasSubstr("row 2"), HasSubstr("groups")));
}

TEST_F(IlsvrcDataset, ClassesMayBeGivenWhereTheirListIsMissing) {
  fs::remove(root_ / "LOC_synset_mapping.txt");
  EXPECT_ERROR(open("ilsvrc"), ErrorCode::not_found, HasSubstr("LOC_synset_mapping.txt"));
  EXPECT_EQ(open_dataset("ilsvrc", root_.path(), {"", {"n01", "n02"}})->classes().size(), 2U);
}

TEST_F(IlsvrcDataset, TrainingImagesLieInFoldersOfTheirClass) {
  picture("ILSVRC/Data/CLS-LOC/train/n02/n02_7.JPEG");
  picture("ILSVRC/Data/CLS-LOC/train/n01/n01_5.JPEG");
  write("ILSVRC/Annotations/CLS-LOC/train/n01/n01_5.xml", annotation(object("n01", kBox)));
  const auto data = open("ilsvrc", "train");
  ASSERT_EQ(data->size(), 2U);
  EXPECT_EQ(data->sample(0).id, "n01/n01_5");
  EXPECT_EQ(data->sample(0).boxes.size(), 1U);
  EXPECT_THAT(data->sample(1).classes, ElementsAre(1U));
  EXPECT_TRUE(data->sample(1).boxes.empty());
}

TEST_F(Datasets, AnEmptyRootIsToldWhatWasExpected) {
  for (const DatasetKind& kind : dataset_kinds()) EXPECT_THROW(open(kind.name), Error) << kind.name;
  EXPECT_ERROR(open("ilsvrc"), ErrorCode::not_found, HasSubstr("Data/CLS-LOC"));
  EXPECT_ERROR(open("voc"), ErrorCode::not_found, HasSubstr("JPEGImages"));
  EXPECT_ERROR(open("folders"), ErrorCode::bad_input, HasSubstr("folder per class"));
  EXPECT_ERROR(open("chest-xray14"), ErrorCode::not_found, HasSubstr("BBox_List_2017.csv"));
  EXPECT_ERROR(open("cub"), ErrorCode::not_found, HasSubstr("images.txt"));
  EXPECT_ERROR(open("mnist"), ErrorCode::not_found, HasSubstr("t10k-images-idx3-ubyte"));
  EXPECT_ERROR(open("cifar10"), ErrorCode::not_found, HasSubstr("test_batch.bin"));
  EXPECT_ERROR(open("coco"), ErrorCode::not_found, HasSubstr("instances_val2017.json"));
}

TEST_F(Datasets, TheRootHasToBeAFolder) {
  EXPECT_ERROR(open_dataset("voc", root_ / "none"), ErrorCode::not_found, HasSubstr("none"));
  fs::create_directory_symlink("loop", root_ / "loop");
  EXPECT_ERROR(open_dataset("voc", root_ / "loop"), ErrorCode::io, HasSubstr("loop"));
  EXPECT_ERROR(open_dataset("vocc", root_.path()), ErrorCode::not_found, HasSubstr("did you mean voc"));
}

TEST_F(Datasets, VocBoxesCountFromOneAndIncludeTheirEdges) {
  picture("VOC2007/JPEGImages/000001.jpg");
  write("VOC2007/ImageSets/Main/test.txt", "000001\n");
  write("VOC2007/Annotations/000001.xml",
        annotation(object("dog", kBox) + object("person", kOtherBox, "<difficult>1</difficult>")));
  const auto data = open("voc");
  const Sample sample = data->sample(0);
  EXPECT_EQ(data->classes().at(sample.boxes[0].class_index), "dog");
  EXPECT_EQ(sample.boxes[0].box, (Box{0, 1, 3, 4}));
  EXPECT_FALSE(sample.boxes[0].difficult);
  EXPECT_TRUE(sample.boxes[1].difficult);
  EXPECT_ERROR(open("voc", "val"), ErrorCode::not_found, HasSubstr("val.txt"));
  fs::create_directories(root_ / "VOC2012/JPEGImages");
  EXPECT_ERROR(open("voc"), ErrorCode::bad_input, HasSubstr("several years"));
}

TEST_F(Datasets, FoldersAreClasses) {
  picture("val/dog/b.png");
  picture("val/cat/a.png");
  picture("val/dog/c\xE9.png");
  write("val/dog/notes.txt", "no picture");
  fs::create_symlink("self.jpg", root_ / "val/dog/self.jpg");
  const auto data = open("folders", "val");
  EXPECT_THAT(data->classes(), ElementsAre("cat", "dog"));
  ASSERT_EQ(data->size(), 4U);
  EXPECT_EQ(data->id(0), "cat/a.png");
  EXPECT_EQ(data->id(2), "dog/c\\xe9.png");
  EXPECT_EQ(data->image(2).height, 3);
  EXPECT_THAT(data->sample(1).classes, ElementsAre(1U));
  EXPECT_THROW(data->image(3), Error);  // a link to itself
  fs::create_directory(root_ / "empty");
  EXPECT_ERROR(open("folders", "test"), ErrorCode::not_found, HasSubstr("test"));
}

TEST_F(Datasets, ChestXraysHaveAnOddHeader) {
  picture("images_002/images/1_0.png");
  const std::string header = "Image Index,Finding Label,Bbox [x,y,w,h],,,\n";
  write("BBox_List_2017.csv", header + "1_0.png,Infiltrate,225.5,547,86.5,79,,,\n1_0.png,Mass,1,2,3,4,,,\n");
  const auto data = open("chest-xray14");
  ASSERT_EQ(data->size(), 1U);
  const Sample sample = data->sample(0);
  EXPECT_EQ(data->classes().at(sample.boxes[0].class_index), "Infiltration");
  EXPECT_EQ(sample.boxes[0].box, (Box{225.5, 547, 312, 626}));
  EXPECT_EQ(sample.width, 1024);
  EXPECT_EQ(data->image(0).width, 4);

  write("Data_Entry_2017.csv",
        "Image Index,Finding Labels,Follow-up #\n1_0.png,Mass|Edema,0\n2_0.png,No Finding,0\n");
  write("test_list.txt", "2_0.png\n1_0.png\n3_0.png\n");
  const auto all = open("chest-xray14", "test");
  EXPECT_TRUE(all->sample(0).classes.empty());
  EXPECT_THAT(all->sample(1).classes, ElementsAre(3U, 4U, 9U));
  EXPECT_ERROR(all->sample(2), ErrorCode::not_found, HasSubstr("3_0.png"));

  write("BBox_List_2017.csv", "image,label,x,y,w,h\n");
  EXPECT_ERROR(open("chest-xray14"), ErrorCode::bad_input, HasSubstr("Image Index"));
  write("BBox_List_2017.csv", header + "1_0.png,Cough,1,2,3,4\n");
  EXPECT_ERROR(open("chest-xray14"), ErrorCode::bad_input, AllOf(HasSubstr("Cough"), HasSubstr("row 2")));
  EXPECT_ERROR(open("chest-xray14", "val"), ErrorCode::bad_input, HasSubstr("boxes, test, train_val"));
}

TEST_F(Datasets, CubFilesAreJoinedByTheirNumbers) {
  write("images.txt", "1 001.A/x.jpg\n2 002.B/y.jpg\n");
  write("classes.txt", "1 001.A\n2 002.B\n");
  write("image_class_labels.txt", "1 1\n2 2\n");
  write("bounding_boxes.txt", "1 60.0 27.0 325.0 304.0\n2 1 2 3 4\n");
  write("train_test_split.txt", "1 0\n2 1\n");
  const auto data = open("cub");
  ASSERT_EQ(data->size(), 1U);
  EXPECT_EQ(data->sample(0).boxes[0].box, (Box{60, 27, 385, 331}));
  EXPECT_EQ(open("cub", "all")->size(), 2U);
  EXPECT_EQ(open("cub", "train")->sample(0).classes[0], 1U);
  write("image_class_labels.txt", "1 1\n2 3\n");
  EXPECT_ERROR(open("cub", "all"), ErrorCode::bad_input, HasSubstr("class 3"));
  write("bounding_boxes.txt", "1 60.0 27.0\n");
  EXPECT_ERROR(open("cub"), ErrorCode::bad_input, HasSubstr("bounding_boxes.txt"));
}

std::string idx(const std::vector<int>& dims, const std::string& data) {
  std::string text{'\0', '\0', '\x08', static_cast<char>(dims.size())};
  for (const int d : dims) text += {'\0', '\0', '\0', static_cast<char>(d)};
  return text + data;
}

TEST_F(Datasets, MnistIsReadPlainAndGzipped) {
  const std::string images = idx({2, 1, 3}, "abcdef");
  gzFile gz = gzopen((root_ / "t10k-images-idx3-ubyte.gz").c_str(), "wb");
  gzwrite(gz, images.data(), static_cast<unsigned>(images.size()));
  gzclose(gz);
  write("t10k-labels-idx1-ubyte", idx({2}, std::string{'\x07', '\x03'}));
  const auto data = open("mnist");
  ASSERT_EQ(data->size(), 2U);
  EXPECT_EQ(data->id(1), "test/00001");
  EXPECT_THAT(data->sample(0).classes, ElementsAre(7U));
  const Image image = data->image(1);
  EXPECT_EQ(image.width, 3);
  EXPECT_EQ(image.height, 1);
  EXPECT_THAT(image.pixels, ElementsAre('d', 'd', 'd', 'e', 'e', 'e', 'f', 'f', 'f'));

  write("t10k-images-idx3-ubyte.gz", std::string("\x1F\x8B\x08broken", 9));
  EXPECT_ERROR(open("mnist"), ErrorCode::bad_input, HasSubstr("gzip"));
  write("t10k-images-idx3-ubyte", images.substr(0, images.size() - 1));
  EXPECT_ERROR(open("mnist"), ErrorCode::bad_input, HasSubstr("promises"));
  write("t10k-images-idx3-ubyte", idx({1, 1, 3}, "abc"));
  EXPECT_ERROR(open("mnist"), ErrorCode::bad_input, HasSubstr("1 images, but 2 labels"));
  write("t10k-images-idx3-ubyte", images);
  write("t10k-labels-idx1-ubyte", idx({2}, "ab"));
  EXPECT_ERROR(open("mnist"), ErrorCode::bad_input, HasSubstr("a label is 97"));
}

TEST_F(Datasets, CifarRecordsArePlanes) {
  std::string record(3073, '\0');
  record[0] = 5;
  record[1 + 33] = '\x0A';             // red of pixel (1, 1)
  record[1 + 2 * 1024 + 33] = '\x0B';  // blue
  write("cifar-10-batches-bin/test_batch.bin", record + record);
  const auto data = open("cifar10");
  ASSERT_EQ(data->size(), 2U);
  EXPECT_EQ(data->classes().at(data->sample(1).classes[0]), "dog");
  const Image image = data->image(1);
  EXPECT_EQ(image.row(1)[3], 10);
  EXPECT_EQ(image.row(1)[4], 0);
  EXPECT_EQ(image.row(1)[5], 11);
  write("cifar-10-batches-bin/test_batch.bin", record + "x");
  EXPECT_ERROR(open("cifar10"), ErrorCode::bad_input, HasSubstr("multiple of 3073"));
}

TEST_F(Datasets, CocoInstancesAreJoined) {
  fs::create_directories(root_ / "val2017");
  picture("val2017/9.jpg");
  const std::string head = R"({"categories": [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}],
    "images": [{"id": 9, "file_name": "9.jpg", "width": 640, "height": 480}], "annotations": [)";
  write("annotations/instances_val2017.json",
        head + R"({"image_id": 9, "category_id": 1, "bbox": [1, 2, 3.5, 4], "iscrowd": 0},
                  {"image_id": 9, "category_id": 18, "bbox": [0, 0, 9, 9], "iscrowd": 1}]})");
  const auto data = open("coco");
  const Sample sample = data->sample(0);
  EXPECT_THAT(sample.classes, ElementsAre(1U, 0U));
  EXPECT_EQ(sample.boxes[0].box, (Box{1, 2, 4.5, 6}));
  EXPECT_TRUE(sample.boxes[1].difficult);
  EXPECT_EQ(sample.width, 640);
  write("annotations/instances_val2017.json",
        head + R"({"image_id": 8, "category_id": 1, "bbox": [1, 2, 3, 4]}]})");
  EXPECT_ERROR(open("coco"), ErrorCode::bad_input, HasSubstr("not listed"));
  write("annotations/instances_val2017.json", R"({"images": 3})");
  EXPECT_ERROR(open("coco"), ErrorCode::bad_input, HasSubstr("instances_val2017.json"));
}

TEST(SharedIlsvrc, HasItsBoxesAsThePublishedSolution) {
  const fs::path root = fs::path(LIMN_SHARED_DATA) / "ilsvrc-val-250";
  if (!fs::exists(root)) GTEST_SKIP() << "the 250 photographs are not at " << root;
  const auto data = open_dataset("ilsvrc", root);
  ASSERT_EQ(data->size(), 250U);
  EXPECT_EQ(data->classes().size(), 1000U);
  const ScratchFolder apart;  // the same without its annotations: the solution is read instead
  fs::create_directories(apart / "ILSVRC");
  fs::create_directory_symlink(root / "ILSVRC/Data", apart / "ILSVRC/Data");
  fs::create_directory_symlink(root / "ILSVRC/ImageSets", apart / "ILSVRC/ImageSets");
  for (const char* name : {"LOC_synset_mapping.txt", "LOC_val_solution.csv"})
    fs::create_symlink(root / name, apart / name);
  const auto by_solution = open_dataset("ilsvrc", apart.path());
  for (std::size_t i = 0; i < 250; ++i) {
    const Sample a = data->sample(i), b = by_solution->sample(i);
    EXPECT_EQ(a.classes, b.classes) << a.id;
    ASSERT_EQ(a.boxes.size(), b.boxes.size()) << a.id;
    EXPECT_TRUE(std::ranges::is_permutation(a.boxes, b.boxes)) << a.id;
  }
}

}  // namespace
}  // namespace limn
