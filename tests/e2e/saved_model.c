/* Translates the lines of standard input with a SavedModel; prints score, tab, translation.
 *
 * usage: saved_model DIRECTORY INPUT TEXT SCORE [LIBRARY...]
 *
 * INPUT, TEXT and SCORE are tensors of the signature, such as "serving_default_text:0" (what
 * `saved_model_cli show --dir DIRECTORY --all` prints). The libraries hold operations that
 * TensorFlow itself lacks: _sentencepiece_tokenizer.so of tensorflow_text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tensorflow/c/c_api.h>

enum { MAX_LINES = 4096 };

static TF_Status* status;

static void check(const char* what) {
  if (TF_GetCode(status) == TF_OK) return;
  fprintf(stderr, "saved_model: %s: %s\n", what, TF_Message(status));
  exit(1);
}

static TF_Output find(TF_Graph* graph, char* tensor) {
  const char* operation = strtok(tensor, ":");
  const char* index = strtok(NULL, ":");
  TF_Output output = {TF_GraphOperationByName(graph, operation), index ? atoi(index) : 0};
  if (output.oper == NULL) TF_SetStatus(status, TF_NOT_FOUND, "no such tensor in the graph");
  check(tensor);
  return output;
}

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  status = TF_NewStatus();
  for (int i = 5; i < argc; i++) TF_LoadLibrary(argv[i], status), check(argv[i]);
  const char* tags[] = {"serve"};
  TF_Graph* graph = TF_NewGraph();
  TF_Session* session = TF_LoadSessionFromSavedModel(TF_NewSessionOptions(), NULL, argv[1], tags, 1,
                                                     graph, NULL, status);
  check(argv[1]);

  static TF_TString lines[MAX_LINES];
  char* line = NULL;
  size_t capacity = 0;
  int64_t count = 0;
  for (; count < MAX_LINES && getline(&line, &capacity, stdin) >= 0; count++)
    TF_TString_Init(&lines[count]), TF_TString_Copy(&lines[count], line, strcspn(line, "\n"));
  TF_Tensor* text = TF_AllocateTensor(TF_STRING, &count, 1, count * sizeof *lines);
  memcpy(TF_TensorData(text), lines, count * sizeof *lines);

  TF_Tensor* results[2];
  TF_Output input = find(graph, argv[2]);
  TF_Output outputs[] = {find(graph, argv[3]), find(graph, argv[4])};
  TF_SessionRun(session, NULL, &input, &text, 1, outputs, results, 2, NULL, 0, NULL, status);
  check("run");
  const TF_TString* translations = TF_TensorData(results[0]);
  const float* scores = TF_TensorData(results[1]);
  for (int64_t i = 0; i < count; i++)
    printf("%.6f\t%.*s\n", scores[i], (int)TF_TString_GetSize(&translations[i]),
           TF_TString_GetDataPointer(&translations[i]));
  TF_CloseSession(session, status), check("close");
  return 0;
}
