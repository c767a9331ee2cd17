package engine

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/pack"
	"github.com/servicepack/svp/engine/secrets"
)

// hear lets a transcript hear the output, cut into pieces of that size.
func hear(questions int, stdout, stderr string, size int) []pack.Reply {
	heard := newTranscript(questions)
	for text := stderr; text != ""; text = text[min(size, len(text)):] {
		_, _ = heard.notes.Write([]byte(text[:min(size, len(text))]))
	}
	for text := stdout; text != ""; text = text[min(size, len(text)):] {
		_, _ = heard.frames.Write([]byte(text[:min(size, len(text))]))
	}
	heard.drain()
	heard.giveUp(questions, errEnded)
	return heard.replies
}

func TestTranscript(t *testing.T) {
	full := strings.Repeat("x", pack.DefaultQueryLimit)
	long := strings.Repeat("m", 2000)
	stdout := "0 3 4\na\nbmess" + "7 2 3\nabno\n" + "0 0 0\n" +
		fmt.Sprintf("0 %d 0\n%s", len(full), full) + fmt.Sprintf("141 %d 0\n%sx", len(full)+1, full) +
		fmt.Sprintf("1 0 %d\n%s", pack.QueryMessages+1, "cut\n"+long+strings.Repeat("n", 45))
	for _, size := range []int{1, 7, 1 << 20} {
		replies := hear(7, stdout, "asking\n0\n1\n", size)
		var got []string
		for _, reply := range replies {
			text := fmt.Sprintf("%.20q", reply.Answer)
			if reply.Err != nil {
				text = fmt.Sprintf("%.50v", reply.Err)
			}
			got = append(got, text)
		}
		want := []string{
			`"a\nb"`, "exit status 7: no", `""`, `"xxxxxxxxxxxxxxxxxxxx"`, "the answer is longer than 64KiB; it was killed",
			fmt.Sprintf("%.50s", "exit status 1: "+long), fmt.Sprintf("%.50v", errEnded),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("in pieces of %d (-want +got):\n%s", size, diff)
		}
		var exit *pack.ExitError
		if !errors.As(replies[5].Err, &exit) || strings.Contains(exit.Stderr, "cut") {
			t.Errorf("a line without its beginning is kept: %v", replies[5].Err)
		}
	}
}

// A pack can write whatever it likes to where its container writes.
func FuzzTranscript(f *testing.F) {
	for _, text := range []string{"0 3 4\na\nbmess", "0 99999999999999999999 0\n", "-1 0 0\n", "0 0\n", strings.Repeat("1", 100), "asking\n7\n"} {
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, stdout, stderr string) {
		const questions = 3
		replies := hear(questions, stdout, stderr, 5)
		if len(replies) != questions {
			t.Fatalf("%d replies", len(replies))
		}
		for _, reply := range replies {
			if len(reply.Answer) > pack.DefaultQueryLimit || reply.Err != nil && reply.Answer != nil {
				t.Errorf("the reply is %v, %v", len(reply.Answer), reply.Err)
			}
		}
	})
}

func TestAnswersAreRememberedAndBounded(t *testing.T) {
	var a answers
	good := []pack.Reply{{Answer: []byte("debian/12")}, {Err: &pack.ExitError{Status: 1}}}
	a.put("good", good)
	a.put("slow", []pack.Reply{{Err: &pack.TimeoutError{}}})
	if got, ok := a.get("good"); !ok || len(got) != 2 || string(got[0].Answer) != "debian/12" {
		t.Errorf("remembered: %v", got)
	}
	if _, ok := a.get("slow"); ok {
		t.Error("what may turn out otherwise is remembered")
	}
	large := []pack.Reply{{Answer: make([]byte, largestAnswers/4)}}
	for i := range 10 {
		a.put(fmt.Sprint(i), large)
	}
	if a.size > largestAnswers || len(a.known) != len(a.keys) || len(a.known) != 3 {
		t.Errorf("%d bytes of %d packs", a.size, len(a.known))
	}
	if _, ok := a.get("good"); ok {
		t.Error("the oldest is not forgotten")
	}
}

func TestOnlyAnswersWithoutSecretsAreRemembered(t *testing.T) {
	if _, ok := answersKey("d", "debian/12", []pack.Question{{Key: "os"}, {Key: "env"}}); !ok {
		t.Error("answers that depend on nothing are not remembered")
	}
	if _, ok := answersKey("d", "debian/12", []pack.Question{{Key: "env", Secrets: envvar.Set{{Name: "A", Value: secrets.New("1"), Secret: true}}}}); ok {
		t.Error("an answer that depends on a secret is remembered")
	}
}
