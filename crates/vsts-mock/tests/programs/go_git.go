// Clones a repository with go-git: main URL
package main

import (
	"fmt"
	"os"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/storage/memory"
)

func main() {
	repository, err := git.Clone(memory.NewStorage(), nil, &git.CloneOptions{
		URL:  os.Args[1],
		Auth: &http.BasicAuth{Username: "x", Password: "alicepat"},
	})
	if err != nil {
		fmt.Println("go-git error:", err)
		return
	}
	head, err := repository.Head()
	if err != nil {
		fmt.Println("go-git error:", err)
		return
	}
	fmt.Println("go-git cloned", head.Hash())
}
