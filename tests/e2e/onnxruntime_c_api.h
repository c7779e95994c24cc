/* The part of onnxruntime's C API that text_onnx.c uses, in place of the header of that name, which
 * Python's packages leave out. The API is a table of functions that only ever grows at its end, so
 * each function has its place for good: the gaps below are functions that we do not call.
 */
#include <stddef.h>
#include <stdint.h>

typedef struct OrtStatus OrtStatus;
typedef struct OrtEnv OrtEnv;
typedef struct OrtSession OrtSession;
typedef struct OrtSessionOptions OrtSessionOptions;
typedef struct OrtRunOptions OrtRunOptions;
typedef struct OrtMemoryInfo OrtMemoryInfo;
typedef struct OrtAllocator OrtAllocator;
typedef struct OrtValue OrtValue;
typedef const void* Gap;

enum { ORT_LOGGING_LEVEL_ERROR = 3, OrtArenaAllocator = 1, OrtMemTypeDefault = 0 };
enum { ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32 = 6, ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING = 8 };
#define ORT_API_VERSION 18

typedef struct OrtApi {
  Gap gap_0[2];
  const char* (*GetErrorMessage)(const OrtStatus*);
  OrtStatus* (*CreateEnv)(int, const char*, OrtEnv**);
  Gap gap_4[3];
  OrtStatus* (*CreateSession)(const OrtEnv*, const char*, const OrtSessionOptions*, OrtSession**);
  Gap gap_8[1];
  OrtStatus* (*Run)(OrtSession*, const OrtRunOptions*, const char* const*, const OrtValue* const*,
                    size_t, const char* const*, size_t, OrtValue**);
  OrtStatus* (*CreateSessionOptions)(OrtSessionOptions**);
  Gap gap_11[37];
  OrtStatus* (*CreateTensorAsOrtValue)(OrtAllocator*, const int64_t*, size_t, int, OrtValue**);
  OrtStatus* (*CreateTensorWithDataAsOrtValue)(const OrtMemoryInfo*, void*, size_t, const int64_t*,
                                               size_t, int, OrtValue**);
  Gap gap_50[1];
  OrtStatus* (*GetTensorMutableData)(OrtValue*, void**);
  OrtStatus* (*FillStringTensor)(OrtValue*, const char* const*, size_t);
  Gap gap_53[16];
  OrtStatus* (*CreateCpuMemoryInfo)(int, int, OrtMemoryInfo**);
  Gap gap_70[8];
  OrtStatus* (*GetAllocatorWithDefaultOptions)(OrtAllocator**);
  Gap gap_79[13];
  void (*ReleaseEnv)(OrtEnv*);
  Gap gap_93[1];
  void (*ReleaseMemoryInfo)(OrtMemoryInfo*);
  void (*ReleaseSession)(OrtSession*);
  void (*ReleaseValue)(OrtValue*);
  Gap gap_97[3];
  void (*ReleaseSessionOptions)(OrtSessionOptions*);
  Gap gap_101[26];
  OrtStatus* (*GetStringTensorElementLength)(const OrtValue*, size_t, size_t*);
  OrtStatus* (*GetStringTensorElement)(const OrtValue*, size_t, size_t, void*);
  Gap gap_129[99];
  OrtStatus* (*RegisterCustomOpsLibrary_V2)(OrtSessionOptions*, const char*);
} OrtApi;

typedef struct OrtApiBase {
  const OrtApi* (*GetApi)(uint32_t);
  const char* (*GetVersionString)(void);
} OrtApiBase;

const OrtApiBase* OrtGetApiBase(void);
