// Each kind of dataset, written small as it lies on disk, and what is said when it does not.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <array>
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

TEST_F(Datasets, VocMasksAreByColour) {
  picture("JPEGImages/1.jpg");
  picture("JPEGImages/2.jpg");
  write("ImageSets/Main/test.txt", "1\n2\n");
  fs::create_directories(root_ / "Annotations");
  fs::create_directories(root_ / "SegmentationClass");
  const fs::path file = root_ / "SegmentationClass/1.png";
  Image painted(4, 1);
  painted.pixels = {0, 0, 0, 64, 0, 128, 224, 224, 192, 192, 128, 128};  // background, dog (12), void, person (15)
  write_png(file, painted);
  const auto data = open("voc");
  const auto mask = [&](std::string_view name) {
    return data
        ->mask(0, static_cast<std::size_t>(std::ranges::find(data->classes(), name) - data->classes().begin()))
        .value();
  };
  EXPECT_THAT(mask("dog").pixels,
              ElementsAre(MaskPixel::background, MaskPixel::object, MaskPixel::ignored, MaskPixel::background));
  EXPECT_EQ(mask("person").at(3, 0), MaskPixel::object);
  EXPECT_EQ(mask("tvmonitor").at(1, 0), MaskPixel::background);
  EXPECT_FALSE(data->mask(1, 0));
  painted.pixels[0] = 12;  // numbers of classes in place of their colours
  write_png(file, painted);
  EXPECT_ERROR(mask("dog"), ErrorCode::bad_input, AllOf(HasSubstr("12, 0, 0"), HasSubstr("1.png")));
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

TEST_F(Datasets, CubMasksAreByHalfOfTheAnnotators) {
  write("CUB_200_2011/images.txt", "1 001.A/x.jpg\n2 001.A/y.jpg\n");
  write("CUB_200_2011/classes.txt", "1 001.A\n2 002.B\n");
  write("CUB_200_2011/image_class_labels.txt", "1 1\n2 1\n");
  write("CUB_200_2011/bounding_boxes.txt", "1 0 0 2 2\n2 0 0 2 2\n");
  write("CUB_200_2011/train_test_split.txt", "1 0\n2 0\n");
  Image painted(5, 1);
  for (std::size_t p = 0; p < 5; ++p)
    for (std::size_t c = 0; c < 3; ++c)
      painted.pixels[3 * p + c] = std::array<std::uint8_t, 5>{0, 102, 127, 153, 255}[p];
  // Beside the other archive, or in its folder.
  for (const char* where : {"segmentations/001.A", "CUB_200_2011/segmentations/001.A"}) {
    fs::create_directories(root_ / where);
    write_png(root_ / where / "x.png", painted);
    const auto data = open("cub");
    constexpr auto no = MaskPixel::background, yes = MaskPixel::object;
    EXPECT_THAT(data->mask(0, 0).value().pixels, ElementsAre(no, no, no, yes, yes));
    EXPECT_FALSE(data->mask(0, 1));  // of another class
    EXPECT_FALSE(data->mask(1, 0));  // without an outline
    painted.pixels[4] = 9;
    write_png(root_ / where / "x.png", painted);
    EXPECT_ERROR(data->mask(0, 0), ErrorCode::bad_input, AllOf(HasSubstr("102, 9, 102"), HasSubstr("x.png")));
    write(std::string(where) + "/x.png", "no picture");
    EXPECT_ERROR(data->mask(0, 0), ErrorCode::bad_input, HasSubstr("x.png"));
    painted.pixels[4] = 102;
  }
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

/// Pictures of 4 x 3 pixels with a dog, outlined in three ways, and a crowd of dogs.
class CocoMasks : public Datasets {
 protected:
  static std::string dog(const std::string& segmentation, const std::string& more = {}) {
    return R"({"image_id": 9, "category_id": 18, "bbox": [0, 0, 2, 2], "segmentation": )" + segmentation + more +
           "}";
  }
  std::optional<Mask> mask_of(const std::string& objects, const std::string& size = "4, \"height\": 3") const {
    picture("val2017/9.jpg");
    write("annotations/instances_val2017.json",
          R"({"categories": [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}],
              "images": [{"id": 9, "file_name": "9.jpg", "width": )" +
              size + R"(}], "annotations": [)" + objects + "]}");
    return open("coco")->mask(0, 0);
  }
  /// A row of text for each row of pixels.
  static std::vector<std::string> drawn(const std::optional<Mask>& found) {
    const Mask& mask = found.value();
    std::vector<std::string> rows(static_cast<std::size_t>(mask.height));
    for (int y = 0; y < mask.height; ++y)
      for (int x = 0; x < mask.width; ++x)
        rows[static_cast<std::size_t>(y)] += ".?#"[static_cast<int>(mask.at(x, y))];
    return rows;
  }
};

TEST_F(CocoMasks, PolygonsCoverTheCentresInside) {
  EXPECT_THAT(drawn(mask_of(dog("[[1, 0, 3, 0, 3, 2, 1, 2]]"))), ElementsAre(".##.", ".##.", "...."));
  EXPECT_THAT(drawn(mask_of(dog("[[0.6, 0, 2.4, 0, 2.4, 3, 0.6, 3]]"))), ElementsAre(".#..", ".#..", ".#.."));
  EXPECT_THAT(drawn(mask_of(dog("[[0, 0, 3.2, 0, 0, 3.2]]"))), ElementsAre("###.", "##..", "#..."));
  // Two parts, one of them partly outside; two objects.
  EXPECT_THAT(drawn(mask_of(dog("[[-5, 0, 1, 0, 1, 1, -5, 1], [3, 2, 4, 2, 4, 3, 3, 3]]"))),
              ElementsAre("#...", "....", "...#"));
  EXPECT_THAT(drawn(mask_of(dog("[[0, 0, 1, 0, 1, 1, 0, 1]]") + "," + dog("[[3, 2, 4, 2, 4, 3, 3, 3]]"))),
              ElementsAre("#...", "....", "...#"));
}

TEST_F(CocoMasks, RunsGoDownTheColumns) {
  EXPECT_THAT(drawn(mask_of(dog(R"({"size": [3, 4], "counts": [1, 3, 8]})"))), ElementsAre(".#..", "#...", "#..."));
  EXPECT_THAT(drawn(mask_of(dog(R"({"size": [3, 4], "counts": [0, 12]})"))), ElementsAre("####", "####", "####"));
  // Compressed, in a picture of 10 x 9.
  const auto counts = [&](const std::string& text) {
    return mask_of(dog(R"({"size": [9, 10], "counts": )" + text + "}"), R"(10, "height": 9)").value();
  };
  const Mask mask = counts(R"("61X13mN000`0")");
  EXPECT_EQ(mask, counts("[6, 1, 40, 4, 5, 4, 5, 4, 21]"));
  EXPECT_EQ(std::ranges::count(mask.pixels, MaskPixel::object), 13);
  EXPECT_EQ(mask.at(0, 6), MaskPixel::object);
  EXPECT_EQ(mask.at(5, 2), MaskPixel::object);
}

TEST_F(CocoMasks, CrowdsAreIgnoredButForTheirObjects) {
  const auto mask = mask_of(dog(R"({"size": [3, 4], "counts": [0, 6, 6]})", R"(, "iscrowd": 1)") + "," +
                            dog("[[1, 0, 3, 0, 3, 2, 1, 2]]"));
  EXPECT_THAT(drawn(mask), ElementsAre("?##.", "?##.", "??.."));
}

TEST_F(CocoMasks, AreNotMadeUp) {
  EXPECT_FALSE(mask_of(dog("[]")));
  EXPECT_FALSE(mask_of(dog("[[1, 0, 3, 0, 3, 2, 1, 2]]") + "," + dog("[]")));
  EXPECT_FALSE(mask_of(R"({"image_id": 9, "category_id": 18, "bbox": [0, 0, 2, 2]})"));
  EXPECT_FALSE(mask_of(R"({"image_id": 9, "category_id": 1, "bbox": [0, 0, 2, 2],
                           "segmentation": [[1, 0, 3, 0, 3, 2]]})"));
}

TEST_F(CocoMasks, WhatCannotBeRightIsSaid) {
  const auto fails = [&](const std::string& segmentation, const std::string& says) {
    EXPECT_ERROR(mask_of(dog(segmentation)), ErrorCode::bad_input, AllOf(HasSubstr(says), HasSubstr("9.jpg")));
  };
  const auto runs = [](const std::string& counts) { return R"({"size": [3, 4], "counts": )" + counts + "}"; };
  fails("[[1, 0, 3, 0, 3, 2, 1]]", "odd number of coordinates");
  fails("[[1, 0, 3, 0]]", "2 corners");
  fails("[[1, 0, 1e300, 0, 3, 2]]", "1e+300");
  fails("[[5, 0, 9, 0, 9, 2]]", "outside the image of 4x3");
  fails("[[1, \"a\", 3, 0, 3, 2]]", "cannot be read");
  fails("3", "cannot be read");
  fails(runs("[1, 3]"), "runs fill 4 of 12 pixels");
  fails(runs("[1, 3, 9]"), "a run of 9 pixels begins at pixel 4 of 12");
  fails(runs("[4, -1, 9]"), "a run of -1 pixels");
  fails(runs("\"1 3\""), "a byte 0x20");
  fails(runs("\"1P\""), "end within a number");
  fails(runs("\"PPPPPPPPPPPPPPP\""), "too large");
  fails(R"({"size": [4, 3], "counts": [12]})", "another size than 4x3");
  fails(R"({"counts": [12]})", "cannot be read");
  EXPECT_ERROR(mask_of(dog("[[1, 0, 3, 0, 3, 2]]"), "0"), ErrorCode::bad_input, HasSubstr("how large"));
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
