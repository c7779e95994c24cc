/* Translates the lines of standard input with translate_text.onnx; prints score, tab, translation.
 *
 * usage: text_onnx MODEL CUSTOM_OPS_LIBRARY [BEAM_SIZE]
 */
#include <onnxruntime_c_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LINES = 4096 };

static const OrtApi* ort;

static void check(OrtStatus* status) {
  if (status == NULL) return;
  fprintf(stderr, "text_onnx: %s\n", ort->GetErrorMessage(status));
  exit(1);
}

static size_t read_lines(char** lines) {
  size_t count = 0, capacity = 0;
  while (count < MAX_LINES && getline((lines[count] = NULL, &lines[count]), &capacity, stdin) >= 0) {
    lines[count][strcspn(lines[count], "\n")] = '\0';
    count++, capacity = 0;
  }
  return count;
}

static void print_lines(const OrtValue* translations, const float* scores, size_t count) {
  for (size_t i = 0; i < count; i++) {
    size_t length;
    check(ort->GetStringTensorElementLength(translations, i, &length));
    char* text = malloc(length + 1);
    check(ort->GetStringTensorElement(translations, length, i, text));
    printf("%.6f\t%.*s\n", scores[i], (int)length, text);
    free(text);
  }
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  ort = OrtGetApiBase()->GetApi(ORT_API_VERSION);
  OrtEnv* env;
  OrtSessionOptions* options;
  OrtSession* session;
  check(ort->CreateEnv(ORT_LOGGING_LEVEL_ERROR, "text_onnx", &env));
  check(ort->CreateSessionOptions(&options));
  check(ort->RegisterCustomOpsLibrary_V2(options, argv[2]));
  check(ort->CreateSession(env, argv[1], options, &session));

  static char* lines[MAX_LINES + 1];
  int64_t count = read_lines(lines);
  int32_t beam_size = argc > 3 ? atoi(argv[3]) : 0;
  OrtAllocator* allocator;
  OrtMemoryInfo* memory;
  OrtValue *inputs[2], *outputs[2] = {NULL, NULL};
  check(ort->GetAllocatorWithDefaultOptions(&allocator));
  check(ort->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory));
  check(ort->CreateTensorAsOrtValue(allocator, &count, 1, ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING,
                                    &inputs[0]));
  check(ort->FillStringTensor(inputs[0], (const char* const*)lines, count));
  check(ort->CreateTensorWithDataAsOrtValue(memory, &beam_size, sizeof beam_size, NULL, 0,
                                            ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, &inputs[1]));

  /* Without an argument, the beam size is left to the default inside the file. */
  const char *input_names[] = {"text", "beam_size"}, *output_names[] = {"translation", "score"};
  check(ort->Run(session, NULL, input_names, (const OrtValue* const*)inputs, beam_size ? 2 : 1,
                 output_names, 2, outputs));
  void* scores;
  check(ort->GetTensorMutableData(outputs[1], &scores));
  print_lines(outputs[0], scores, count);

  for (int i = 0; i < 2; i++) ort->ReleaseValue(inputs[i]), ort->ReleaseValue(outputs[i]);
  ort->ReleaseMemoryInfo(memory);
  ort->ReleaseSession(session);
  ort->ReleaseSessionOptions(options);
  ort->ReleaseEnv(env);
  return 0;
}
